// What every page of the console shares: words, keys, clocks, short messages, fragments.

export const body = document.body
export const words = JSON.parse(body.dataset.words)
const serverAhead = Number(body.dataset.now) - Date.now()

export function say(word, values = {}) {
  return words[word].replace(/%\((\w+)\)[sd]/g, (_, name) => values[name])
}

// -- keys ---------------------------------------------------------------------------------------
// Physical keys (event.code), so that no layout and no input method moves them. Never while text is
// typed or composed, unless with Ctrl.
export function isTyping(event) {
  const at = event.target
  return event.isComposing || event.keyCode === 229 ||
    at.isContentEditable || at.tagName === 'TEXTAREA' || at.tagName === 'SELECT' ||
    (at.tagName === 'INPUT' && !['range', 'checkbox', 'radio', 'button', 'submit'].includes(at.type))
}

export function onKeys(table) {
  document.addEventListener('keydown', event => {
    if (event.defaultPrevented || event.isComposing || event.altKey) return
    const withControl = event.ctrlKey || event.metaKey
    const name = (withControl ? 'Ctrl+' : '') + (event.shiftKey ? 'Shift+' : '') + event.code.replace(/^(Key|Digit)/, '')
    const action = table[name]
    if (!action) return
    if (!withControl && name !== 'Escape' && isTyping(event)) return
    if (action(event) !== false) event.preventDefault()
  })
}

// -- short messages -----------------------------------------------------------------------------
const flash = document.getElementById('flash')
let flashTimer = 0

export function tell(text, tone = 'bad') {
  const toast = document.createElement('div')
  toast.className = `toast ${tone}`
  toast.textContent = text
  flash.replaceChildren(toast)
}

new MutationObserver(() => {
  clearTimeout(flashTimer)
  if (flash.firstElementChild) flashTimer = setTimeout(() => flash.replaceChildren(), 8000)
}).observe(flash, { childList: true })

document.addEventListener('htmx:error', () => tell(words.failed))

// -- fragments ----------------------------------------------------------------------------------
// Asks the server for a part of the page. One question per name at a time; asking again while one
// is on its way asks once more afterwards, so the last answer is never older than the last event.
const asking = new Map()

export function refresh(name, address, apply) {
  const running = asking.get(name)
  if (running) {
    running.again = () => refresh(name, address, apply)
    return running.done
  }
  const job = { again: null }
  asking.set(name, job)
  job.done = ask(address, apply).finally(() => {
    asking.delete(name)
    job.again?.()
  })
  return job.done
}

async function ask(address, apply) {
  try {
    const answer = await fetch(address, { headers: { 'HX-Request': 'true' }, credentials: 'same-origin' })
    const elsewhere = answer.headers.get('HX-Redirect')
    if (elsewhere) location.href = elsewhere
    else if (answer.ok || answer.status === 404) await apply(answer.ok ? await answer.text() : '', answer.status)
  } catch (error) {
    console.warn('refresh', address, error)
  }
}

export function swap(text, target, style) {
  return window.htmx.swap({ text, target, swap: style, sourceElement: target })
}

// -- waiting times ------------------------------------------------------------------------------
const LONG_WAIT_MINUTES = 30 // an unworked request is reported to the supervisor after half an hour

export function showWaits() {
  const now = Date.now() + serverAhead
  for (const clock of document.querySelectorAll('[data-since]')) {
    const minutes = Math.max(0, Math.floor((now - Number(clock.dataset.since)) / 60000))
    const text = minutes < 60 ? say('minutes', { n: minutes }) : say('hours', { h: Math.floor(minutes / 60), m: minutes % 60 })
    if (clock.textContent !== text) clock.textContent = text
    clock.classList.toggle('long', minutes >= LONG_WAIT_MINUTES)
  }
}
setInterval(showWaits, 10000)
showWaits()
