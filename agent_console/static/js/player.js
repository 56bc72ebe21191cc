// Listening: a small player over a native <audio>, and the transcript that follows it.

import { body, tell, words } from './page.js'
import { draw, setUpWaves } from './wave.js'

const ARROW_S = 5

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`
}

function partsOf(player) {
  return { audio: player.querySelector('audio'), seek: player.querySelector('.seek'), at: player.querySelector('.at') }
}

export function currentPlayer() {
  return document.querySelector('.player.playing') ?? document.querySelector('.player')
}

export function toggle(player) {
  if (!player) return
  const { audio } = partsOf(player)
  if (audio.paused) start(player)
  else audio.pause()
}

export function playFrom(player, seconds) {
  if (!player) return
  const { audio } = partsOf(player)
  // Before the first play nothing is loaded, so that looking at a page does not count as listening.
  if (audio.readyState === 0) {
    audio.addEventListener('loadedmetadata', () => { audio.currentTime = seconds }, { once: true })
    audio.load()
  } else audio.currentTime = seconds
  start(player)
}

export function skip(player, seconds) {
  if (!player) return
  const { audio } = partsOf(player)
  if (audio.readyState) audio.currentTime = Math.max(0, audio.currentTime + seconds)
}

function start(player) {
  for (const other of document.querySelectorAll('.player.playing')) if (other !== player) partsOf(other).audio.pause()
  partsOf(player).audio.play().catch(error => { if (error.name !== 'AbortError') tell(words.silent) })
}

function follow(player) {
  const { audio, seek, at } = partsOf(player)
  if (!seek.matches(':active')) seek.value = audio.currentTime
  at.textContent = clock(audio.currentTime)
  draw(player)
  if (player !== document.querySelector('.player')) return // segments belong to the first recording
  const now = audio.currentTime * 1000
  for (const segment of document.querySelectorAll('.segment')) {
    const isNow = now >= Number(segment.dataset.start) && now < Number(segment.dataset.end) && !(audio.paused && !audio.currentTime)
    segment.classList.toggle('now', isNow)
  }
}

// On the shape itself: space plays, the arrows go five seconds.
function onSeekKey(event) {
  if (!event.target.matches?.('.seek') || event.ctrlKey || event.metaKey || event.altKey) return
  const player = event.target.closest('.player')
  const way = { ArrowRight: ARROW_S, ArrowUp: ARROW_S, ArrowLeft: -ARROW_S, ArrowDown: -ARROW_S }[event.code]
  if (event.code === 'Space') toggle(player)
  else if (way && partsOf(player).audio.readyState) skip(player, way)
  else if (way) playFrom(player, Math.max(0, way))
  else return
  event.preventDefault()
}

export function setUpPlayers() {
  setUpWaves()
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const player of document.querySelectorAll('.player')) draw(player)
  })
  document.addEventListener('htmx:after:settle', setUpWaves)
  document.addEventListener('keydown', onSeekKey)
  // Media events do not bubble, so they are caught on their way down; players may come later.
  for (const name of ['play', 'pause', 'ended', 'timeupdate', 'seeked', 'error']) {
    document.addEventListener(name, event => {
      const player = event.target.closest?.('.player')
      if (!player) return
      const { audio } = partsOf(player)
      player.classList.toggle('playing', !audio.paused && !audio.ended)
      player.querySelector('.play').setAttribute('aria-label', audio.paused ? words.play : words.pause)
      if (name === 'error') tell(words.silent)
      follow(player)
    }, true)
  }
  document.addEventListener('input', event => {
    if (!event.target.matches('.seek')) return
    const player = event.target.closest('.player')
    const { audio, at } = partsOf(player)
    at.textContent = clock(Number(event.target.value))
    draw(player)
    if (audio.readyState) audio.currentTime = Number(event.target.value)
    else playFrom(player, Number(event.target.value))
  })
  body.addEventListener('click', event => {
    const player = event.target.closest('.player')
    if (event.target.closest('.play')) toggle(player)
    const speed = event.target.closest('.speed')
    if (speed) {
      const speeds = speed.dataset.speeds.split(' ').map(Number)
      const { audio } = partsOf(player)
      audio.playbackRate = speeds[(speeds.indexOf(audio.playbackRate) + 1) % speeds.length]
      speed.querySelector('.rate').textContent = `${audio.playbackRate}×`
    }
    const segment = event.target.closest('.segment')
    if (segment) playFrom(document.querySelector('.player'), Number(segment.dataset.start) / 1000)
  })
}
