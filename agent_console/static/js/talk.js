// The talk that this person is in: asked for every few seconds while the page is seen, paused with one key.

import { onKeys, refresh } from './page.js'

const EVERY_MS = 3000
const place = document.getElementById('talk')

let shown = ''
let levels = null

function show(text) {
  if (shown !== text) place.innerHTML = shown = text
  follow(!document.hidden && place.querySelector('meter') !== null)
}

// How loud both sides are, while the page is seen and the talk goes on.
function follow(wanted) {
  if (!wanted) {
    levels?.close()
    levels = null
  } else if (!levels || levels.readyState === EventSource.CLOSED) {
    levels = new EventSource('/talk/levels')
    levels.onmessage = message => {
      for (const [side, dbov] of Object.entries(JSON.parse(message.data))) {
        for (const meter of place.querySelectorAll(`meter[data-side=${side}]`)) meter.value = dbov ?? -60
      }
    }
    levels.addEventListener('ended', () => follow(false))
  }
}

function look() {
  if (document.hidden) follow(false)
  else refresh('talk', '/talk', show)
}

async function change(form) {
  const answer = await fetch(form.action, {
    method: 'POST', body: new URLSearchParams(new FormData(form)), credentials: 'same-origin', headers: { 'HX-Request': 'true' },
  })
  if (answer.ok) show(await answer.text())
  else look()
}

if (place) {
  place.addEventListener('submit', event => {
    event.preventDefault()
    change(event.target)
  })
  onKeys({ 'Ctrl+Period': () => {
    const form = place.querySelector('form')
    if (!form) return false
    change(form)
  } })
  document.addEventListener('visibilitychange', look)
  setInterval(look, EVERY_MS)
  look()
}
