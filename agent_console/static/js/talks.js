// The talks of now: looked at anew every few seconds while the page is seen; its buttons act without a page load.

import { listen } from './live.js'
import { refresh, say, tell } from './page.js'

const EVERY_MS = 2000
const place = document.getElementById('talks')

function buttonOf(call, part) {
  return [...place.querySelectorAll('button')].find(one => one.value === part && one.form.elements.call.value === call)
}

let shown = ''

function show(text) {
  if (shown === text) return
  const at = place.contains(document.activeElement) ? document.activeElement : null
  const [call, part] = at?.form ? [at.form.elements.call.value, at.value] : []
  place.innerHTML = shown = text
  if (call) buttonOf(call, part)?.focus()
}

function look() {
  if (!document.hidden) refresh('talks', '/talks/rows', show)
}

place.addEventListener('submit', async event => {
  event.preventDefault()
  const form = event.target
  const pressed = event.submitter
  const values = new FormData(form, pressed)
  const answer = await fetch(pressed?.hasAttribute('formaction') ? pressed.formAction : form.action, {
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
