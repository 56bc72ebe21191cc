// One request: live parts, suggestions taken with one key, a form that never loses what was typed.

import { onKeys, refresh, showWaits, swap, words } from './page.js'
import { choose, setUpCombos } from './combo.js'
import { currentPlayer, setUpPlayers, skip, toggle } from './player.js'
import { listen } from './live.js'
import './talk.js'
import './guests.js'

const NAMES = { kind: 'kind_code', region: 'region_code', place: 'place', unit: 'unit_code' }
const number = document.getElementById('request').dataset.number

function form() {
  return document.getElementById('decision')
}

function field(name) {
  return form().elements?.[name]
}

// -- is anything typed? -------------------------------------------------------------------------
function plain(text) {
  return text.replaceAll('\r\n', '\n').trim()
}

function isTouched() {
  for (const name of ['kind_code', 'region_code', 'place', 'text', 'unit_code']) {
    const typed = field(name), base = field(`base_${name}`)
    if (typed && base && plain(typed.value) !== plain(base.value)) return true
  }
  return Boolean(field('note')?.value.trim())
}

function showTouched() {
  const unsaved = document.getElementById('unsaved')
  if (unsaved) unsaved.hidden = !isTouched()
  for (const button of document.querySelectorAll('.suggestion')) {
    button.classList.toggle('taken', field(NAMES[button.dataset.field])?.value === button.dataset.value)
  }
}

// -- live ---------------------------------------------------------------------------------------
function readLive() {
  refresh('live', `/requests/${number}/live`, async text => {
    if (!text) return location.reload()
    await swap(text, document.getElementById('current'), 'none')
    showWaits()
    await settle()
  })
}

function isHers() {
  return isTouched() || form().contains(document.activeElement)
}

// After the live parts are new: is the form still decided on what is true?
async function settle() {
  const now = document.getElementById('now')
  const version = form().querySelector('[name=version]')
  if (now.value === version.value) return showTouched()
  const base = JSON.parse(now.dataset.base)
  const changed = Object.keys(base).filter(name => plain(field(`base_${name}`)?.value ?? '') !== plain(base[name]))
  const hasOwnText = plain(field('text')?.value ?? '') !== plain(field('base_text')?.value ?? '')
  // The version moves on under a form only when nothing that is decided in it has changed. At once, not
  // with a fresh form: she may take the new suggestions in this very moment.
  if (changed.every(name => name === 'text' && !hasOwnText)) {
    if (changed.length) field('text').value = field('base_text').value = base.text // the transcript has come
    version.value = now.value
  } else if (isHers()) showConflict()
  else await refresh('form', `/requests/${number}/form`, text => isHers() ? showConflict() : swap(text, form(), 'outerHTML'))
  showTouched()
}

function showConflict() {
  const conflict = document.getElementById('conflict')
  if (conflict) conflict.hidden = false
}

listen(events => {
  if (events.some(event => event.number === number && event.kind !== 'recording.played')) readLive()
}, readLive)

// -- the form -----------------------------------------------------------------------------------
function take(button) {
  const name = NAMES[button.dataset.field]
  const target = field(name)
  if (!target || target.disabled) return
  const combo = target.closest('[data-combo]')
  if (combo) choose(combo, button.dataset.value, button.dataset.label)
  else {
    target.value = button.dataset.value
    target.dispatchEvent(new Event('input', { bubbles: true }))
  }
}

function takeBest(kind) {
  const best = document.querySelector(`#suggest-${kind} [data-best]`)
  if (best) take(best)
  else document.getElementById(kind)?.focus()
}

function takeAll() {
  for (const [kind, name] of Object.entries(NAMES)) {
    const best = document.querySelector(`#suggest-${kind} [data-best]`)
    if (best && field(name) && !field(name).value) take(best)
  }
  document.getElementById('do-route')?.focus({ preventScroll: true })
}

function send(button) {
  if (!button) return
  // A list that is open holds a choice that was typed but not taken yet.
  document.activeElement?.blur?.()
  button.click()
}

document.addEventListener('click', event => {
  const suggestion = event.target.closest('.suggestion')
  if (suggestion) take(suggestion)
  if (event.target.closest('#accept-all')) takeAll()
  if (event.target.closest('#take-theirs')) {
    refresh('form', `/requests/${number}/form`, text => swap(text, form(), 'outerHTML'))
  }
})
// Enter in a line of text would press the form's first button, which routes.
document.addEventListener('keydown', event => {
  if (event.code === 'Enter' && event.target.matches('#decision input') && !event.ctrlKey && !event.metaKey) event.preventDefault()
})
document.addEventListener('input', event => { if (event.target.closest('#decision')) showTouched() })
document.addEventListener('htmx:before:request', event => {
  const source = event.detail?.ctx?.sourceElement
  if (!source?.closest?.('#decision')) return
  if (source.id === 'do-route' && !field('unit_code').value) {
    event.preventDefault()
    const unit = document.getElementById('unit')
    unit.setAttribute('aria-invalid', 'true')
    unit.placeholder = words.choose
    unit.focus()
    return
  }
  form().setAttribute('aria-busy', 'true')
})
document.addEventListener('htmx:finally:request', () => form()?.removeAttribute('aria-busy'))

function formIsNew() {
  setUpCombos(form())
  showTouched()
}

document.addEventListener('htmx:after:swap', () => {
  if (!form().dataset.ready) {
    form().dataset.ready = '1'
    formIsNew()
  }
})
form().dataset.ready = '1'
formIsNew()
setUpPlayers()

addEventListener('beforeunload', event => {
  if (isTouched() && !form().hasAttribute('aria-busy')) event.preventDefault()
})

onKeys({
  1: () => takeBest('kind'), 2: () => takeBest('region'), 3: () => takeBest('place'), 4: () => takeBest('unit'),
  A: takeAll,
  P: () => toggle(currentPlayer()),
  BracketLeft: () => skip(currentPlayer(), -3), BracketRight: () => skip(currentPlayer(), 3),
  'Ctrl+Enter': () => send(document.getElementById('do-route')),
  'Ctrl+NumpadEnter': () => send(document.getElementById('do-route')),
  'Ctrl+S': () => send(document.getElementById('do-save')),
  Escape: event => {
    if (event.target.matches('input, textarea')) event.target.blur()
    else document.getElementById('back').click()
  },
})

// -- moves: what is being filled in stays as it is while others change the page -----------------
document.getElementById('moves').addEventListener('toggle', event => {
  event.target.toggleAttribute('hx-morph-skip', event.target.open)
}, true)
