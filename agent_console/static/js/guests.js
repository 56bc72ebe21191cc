// Who came to the talk that this person is in, and a third whom she calls in.

import { refresh, say, tell } from './page.js'

const EVERY_MS = 3000
const place = document.getElementById('talk-guests')

let shown = ''

function show(text) {
  if (shown !== text) place.innerHTML = shown = text
}

function isTyping() {
  const at = document.activeElement
  return place.contains(at) && at.tagName === 'INPUT' && at.value !== ''
}

function look() {
  if (!document.hidden && !isTyping()) refresh('guests', '/talk/guests', show)
}

if (place) {
  place.addEventListener('submit', async event => {
    event.preventDefault()
    const form = event.target
    const answer = await fetch(form.action, {
      method: 'POST', body: new URLSearchParams(new FormData(form)), credentials: 'same-origin', headers: { 'HX-Request': 'true' },
    })
    if (answer.ok) show(await answer.text())
    else {
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
      tell(page.body.textContent.trim() || say('failed'))
    }
  })
  document.addEventListener('visibilitychange', look)
  setInterval(look, EVERY_MS)
  look()
}
