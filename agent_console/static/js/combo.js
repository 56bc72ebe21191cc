// A list to choose from by typing (WAI-ARIA combobox with list autocomplete): characters, pinyin,
// first letters of pinyin, or the code; every typed word must be found.

import { swap, words } from './page.js'

const MOST_SHOWN = 60
const lists = new Map()

// The list is fetched once per page, before it is needed; the browser keeps it for some minutes.
function fetchList(name) {
  if (!lists.has(name)) {
    const answer = fetch(`/choices/${name}`, { headers: { 'HX-Request': 'true' }, credentials: 'same-origin' })
      .then(answer => answer.ok ? answer.text() : Promise.reject(new Error(`${answer.status}`)))
    answer.catch(() => lists.delete(name))
    lists.set(name, answer)
  }
  return lists.get(name)
}

export function setUpCombos(root) {
  for (const combo of root.querySelectorAll('[data-combo]')) setUp(combo)
}

export function choose(combo, code, label) {
  const [value, input] = combo.querySelectorAll('input')
  value.value = code
  input.value = combo.dataset.label = label
  input.removeAttribute('aria-invalid')
  value.dispatchEvent(new Event('input', { bubbles: true }))
}

function setUp(combo) {
  const [value, input] = combo.querySelectorAll('input')
  const list = combo.querySelector('ul')
  let options = null
  let shown = []
  let active = -1
  combo.dataset.label = input.value
  if (input.disabled) return
  ready().catch(() => {})

  async function ready() {
    if (options) return
    const text = await fetchList(combo.dataset.combo)
    if (options) return
    await swap(text, list, 'innerHTML')
    options = [...list.querySelectorAll('li')]
  }

  async function open(isAll) {
    try {
      await ready()
    } catch {
      return // the next key tries again
    }
    if (document.activeElement !== input) return
    const typed = isAll ? [] : input.value.trim().toLowerCase().split(/\s+/).filter(Boolean)
    shown = options.filter(option => typed.every(word => option.dataset.search.includes(word)))
    for (const option of options) option.hidden = true
    for (const option of shown.slice(0, MOST_SHOWN)) option.hidden = false
    list.querySelector('.nothing')?.remove()
    if (!shown.length) {
      const line = document.createElement('li')
      line.className = 'nothing'
      line.textContent = words.nothing
      list.append(line)
    }
    list.hidden = false
    input.setAttribute('aria-expanded', 'true')
    light(isAll ? shown.findIndex(option => option.dataset.code === value.value) : shown.length ? 0 : -1)
  }

  function close() {
    list.hidden = true
    input.setAttribute('aria-expanded', 'false')
    input.removeAttribute('aria-activedescendant')
    active = -1
  }

  function light(index) {
    shown[active]?.setAttribute('aria-selected', 'false')
    active = index
    const option = shown[index]
    if (!option) return input.removeAttribute('aria-activedescendant')
    option.setAttribute('aria-selected', 'true')
    input.setAttribute('aria-activedescendant', option.id)
    option.scrollIntoView({ block: 'nearest' })
  }

  function take(option) {
    choose(combo, option.dataset.code, option.dataset.label)
    close()
  }

  input.addEventListener('input', event => { if (!event.isComposing) open(false) })
  input.addEventListener('compositionend', () => open(false))
  input.addEventListener('click', () => { if (list.hidden) open(true) })
  input.addEventListener('focus', () => input.select())
  input.addEventListener('blur', () => {
    // What was typed but not chosen is no choice: an emptied field means none, else the last one stays.
    close()
    const typed = input.value.trim()
    if (!typed && value.value) choose(combo, '', '')
    else if (typed !== combo.dataset.label) {
      const exact = (options ?? []).filter(option => option.dataset.label === typed || option.dataset.code === typed)
      if (exact.length === 1) take(exact[0])
      else input.value = combo.dataset.label
    }
  })
  input.addEventListener('keydown', event => {
    if (event.isComposing || event.ctrlKey || event.metaKey) return
    if (event.code === 'ArrowDown' || event.code === 'ArrowUp') {
      if (list.hidden) open(!input.value)
      else {
        const last = Math.min(shown.length, MOST_SHOWN) - 1
        light(event.code === 'ArrowDown' ? Math.min(active + 1, last) : Math.max(active - 1, 0))
      }
    } else if (event.code === 'Enter' || event.code === 'NumpadEnter') {
      if (!list.hidden && shown[active]) take(shown[active])
    } else if (event.code === 'Escape' && !list.hidden) {
      close()
      event.stopPropagation()
    } else return
    event.preventDefault()
  })
  // pointerdown, because the click comes after blur
  list.addEventListener('pointerdown', event => {
    event.preventDefault()
    const option = event.target.closest('[data-code]')
    if (option) take(option)
  })
}
