// The queue: new requests appear on top, changed ones change in place; moved through by keys.

import { onKeys, refresh, showWaits, swap } from './page.js'
import { listen } from './live.js'
import './talk.js'
import './guests.js'

const MANY = 15 // more lines than this are read as a list, not one by one
const list = document.getElementById('queue')
const { state, before } = list.dataset
const title = document.title
let unseen = 0

function rows() {
  return [...list.querySelectorAll('tr[data-number]')]
}

// -- what changed -------------------------------------------------------------------------------
function readLine(number, isNew) {
  refresh(`line ${number}`, `/desk/lines/${number}?state=${state}`, async text => {
    const row = document.getElementById(`r-${number}`)
    const wasHere = row?.classList.contains('here')
    if (!text.trim()) {
      if (wasHere) mark(row.nextElementSibling ?? row.previousElementSibling)
      row?.remove()
    } else if (row) {
      await swap(text, row, 'outerHTML')
      if (wasHere) mark(document.getElementById(`r-${number}`), false)
      document.getElementById(`r-${number}`)?.classList.remove('fresh')
    } else if (isNew || state) {
      await place(text, number)
    }
    showWaits()
  })
}

async function place(text, number) {
  // Newest first: numbers grow within a day and from day to day, so their order is the order of arrival.
  const next = rows().find(row => row.dataset.number < number)
  const last = rows().at(-1)
  if (next) await swap(text, next, 'beforebegin')
  else if (!last) await swap(text, list, 'afterbegin')
  else if (!document.getElementById('more')) await swap(text, last, 'afterend')
  if (document.hidden && document.getElementById(`r-${number}`)) {
    unseen += 1
    document.title = `(${unseen}) ${title}`
  }
}

function readList() {
  const marked = list.querySelector('.here')?.dataset.number
  refresh('list', `/desk/lines?state=${state}&before=${before}`, async text => {
    await swap(text, list, 'innerHTML')
    mark(marked ? document.getElementById(`r-${marked}`) : null, false)
    showWaits()
  })
}

function readHotspots() {
  refresh('hotspots', '/desk/hotspots', text => swap(text, document.getElementById('hotspots'), 'innerHTML'))
}

listen(events => {
  if (events.some(event => event.kind.startsWith('hotspot.'))) readHotspots()
  const numbers = new Map()
  for (const event of events) {
    if (!event.number || event.kind === 'recording.played') continue
    numbers.set(event.number, numbers.get(event.number) || event.kind === 'request.opened')
  }
  if (numbers.size > MANY) readList()
  else for (const [number, isNew] of numbers) readLine(number, isNew && !before)
}, () => {
  readList()
  readHotspots()
})

document.addEventListener('visibilitychange', () => {
  if (document.hidden) return
  unseen = 0
  document.title = title
})

// -- keys and mouse -----------------------------------------------------------------------------
function mark(row, isFollowed = true) {
  for (const other of list.querySelectorAll('.here')) other.classList.remove('here')
  if (!row?.dataset?.number) return
  row.classList.add('here')
  if (isFollowed) {
    row.querySelector('a').focus({ preventScroll: true })
    row.scrollIntoView({ block: 'nearest' })
  }
}

function move(step) {
  const all = rows()
  const at = all.findIndex(row => row.classList.contains('here'))
  const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)
  mark(all[next])
}

function open() {
  const link = list.querySelector('.here a')
  if (!link) return false
  location.href = link.href
}

const chips = [...document.querySelectorAll('.chips a')]
const keys = {
  J: () => move(1), K: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
  Slash: () => document.getElementById('find').focus(),
  Home: () => mark(rows()[0]), End: () => mark(rows().at(-1)),
  Enter: event => event.target.closest?.('button, a') ? false : open(),
}
chips.forEach((chip, index) => { keys[index + 1] = () => { location.href = chip.href } })
onKeys(keys)

list.addEventListener('focusin', event => mark(event.target.closest('tr'), false))
list.addEventListener('click', event => {
  const row = event.target.closest('tr[data-number]')
  if (!row || event.target.closest('a, button') || String(getSelection())) return
  location.href = row.querySelector('a').href
})
