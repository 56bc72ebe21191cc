// Search: what was found is walked through with the keys of the queue; it does not change by itself.

import { onKeys, showWaits } from './page.js'
import { listen } from './live.js'
import './talk.js'
import './guests.js'

const rows = () => [...document.querySelectorAll('#queue tr[data-number]')]

function mark(row) {
  for (const other of rows()) other.classList.toggle('here', other === row)
  row?.querySelector('a').focus({ preventScroll: true })
  row?.scrollIntoView({ block: 'nearest' })
}

function move(step) {
  const all = rows()
  const at = all.findIndex(row => row.classList.contains('here'))
  mark(all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)])
}

onKeys({
  J: () => move(1), K: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
  Slash: () => document.getElementById('find').select(),
})

document.getElementById('queue')?.addEventListener('click', event => {
  const row = event.target.closest('tr[data-number]')
  if (!row || event.target.closest('a, button') || String(getSelection())) return
  location.href = row.querySelector('a').href
})

listen(() => {}, () => {}) // keeps the lamp true: the server is there, or not
showWaits()
