// The talk that this person is in: asked for every few seconds while the page is seen, paused with one key.

import { onKeys, refresh } from './page.js'

const EVERY_MS = 3000
const place = document.getElementById('talk')

function show(text) {
  if (place.innerHTML !== text) place.innerHTML = text
}

function look() {
  if (!document.hidden) refresh('talk', '/talk', show)
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
