// One event stream per browser. HTTP/1.1 gives a browser six connections per server, so the seventh
// tab with a stream of its own would hang: the tab that holds a Web Lock has the stream and passes
// every event on by BroadcastChannel. When that tab closes, the next one gets the lock and resumes
// from the last position it heard of.
//
// listen(onEvents, onResync): onEvents gets a list of {kind, number, unit}; onResync means that
// events were missed and the page must be read anew.

import { body, words } from './page.js'

const LAMP_ICONS = { live: 'disc', connecting: 'ring', cut: 'triangle' }
const RETRIES_MS = [1000, 2000, 5000, 10000]
const lamp = document.getElementById('lamp')
const channel = new BroadcastChannel(`hotline-${body.dataset.user}`)
let position = Number(body.dataset.position)
let state = 'connecting'
let isLeader = false
let retries = 0
let source = null
let waiting = []
let onEvents = () => {}
let onResync = () => {}

export function listen(events, resync) {
  onEvents = events
  onResync = resync
  channel.onmessage = event => hear(event.data)
  if (navigator.locks) {
    navigator.locks.request(`hotline-${body.dataset.user}`, () => {
      isLeader = true
      connect()
      return new Promise(() => {}) // kept until the tab closes
    })
    channel.postMessage({ what: 'hello' })
  } else {
    // No Web Locks outside of a secure context: each visible tab has a stream of its own.
    isLeader = true
    connect()
    document.addEventListener('visibilitychange', () => document.hidden ? source?.close() : connect())
  }
}

function show(next) {
  state = next
  lamp.dataset.state = next
  lamp.querySelector('use').setAttribute('href', lamp.querySelector('use').getAttribute('href').replace(/#.*/, `#${LAMP_ICONS[next]}`))
  if (lamp.lastElementChild.textContent !== words[next]) lamp.lastElementChild.textContent = words[next]
}

function share(message) {
  channel.postMessage(message)
  hear(message)
}

function hear(message) {
  if (message.what === 'event') {
    if (message.id <= position) return
    position = message.id
    waiting.push(message.event)
    if (waiting.length === 1) queueMicrotask(hand)
  } else if (message.what === 'resync') {
    position = message.id
    onResync()
  } else if (message.what === 'state') {
    show(message.state)
    // The leader is ahead of the page that we were given: what lies between was told before we listened.
    if (message.position > position) {
      position = message.position
      onResync()
    }
  } else if (message.what === 'hello' && isLeader) {
    channel.postMessage({ what: 'state', state, position })
  } else if (message.what === 'ended') {
    // The log-in page comes instead. Not at once: in the tab that logs out it is on its way already.
    setTimeout(() => location.reload(), 500)
  }
}

function hand() {
  const events = waiting
  waiting = []
  onEvents(events)
}

function connect() {
  source?.close()
  source = new EventSource(`/events?after=${position}`)
  source.onopen = () => {
    retries = 0
    share({ what: 'state', state: 'live', position })
  }
  source.onmessage = event => share({ what: 'event', id: Number(event.lastEventId), event: JSON.parse(event.data) })
  source.addEventListener('resync', event => share({ what: 'resync', id: Number(event.lastEventId) }))
  source.addEventListener('ended', () => {
    source.close()
    share({ what: 'ended' })
  })
  source.onerror = () => {
    share({ what: 'state', state: 'cut', position })
    if (source.readyState === EventSource.CLOSED) setTimeout(again, RETRIES_MS[Math.min(retries++, RETRIES_MS.length - 1)])
  }
}

async function again() {
  // A refused stream tells no reason, so ask whether the session still stands.
  try {
    const answer = await fetch('/session', { credentials: 'same-origin' })
    if (answer.status === 401) {
      share({ what: 'ended' })
      return
    }
  } catch { /* the server is away: try again */ }
  connect()
}
