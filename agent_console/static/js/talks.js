// The talks of now: looked at anew every few seconds while the page is seen; its buttons act without a page load.

import { listen } from './live.js'
import { refresh, say, tell } from './page.js'

const EVERY_MS = 2000
const place = document.getElementById('talks')

function show(text) {
  if (place.innerHTML !== text) place.innerHTML = text
}

function look() {
  if (!document.hidden && !place.contains(document.activeElement)) refresh('talks', '/talks/rows', show)
}

place.addEventListener('submit', async event => {
  event.preventDefault()
  const form = event.target
  const pressed = event.submitter
  const values = new FormData(form, pressed)
  const answer = await fetch(pressed?.formAction ?? form.action, {
    method: 'POST', body: new URLSearchParams(values), credentials: 'same-origin', headers: { 'HX-Request': 'true' },
  })
  if (answer.ok) show(await answer.text())
  else {
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    tell(page.body.textContent.trim() || say('failed'))
  }
})
document.addEventListener('visibilitychange', look)
setInterval(look, EVERY_MS)
listen(() => {}, () => {})
