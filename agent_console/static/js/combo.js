// A list to choose from by typing (WAI-ARIA combobox with list autocomplete): characters, pinyin,
// first letters of pinyin, or the code; every typed word must be found.

import { words } from './page.js'

const MOST_SHOWN = 60

export function setUpCombos(root) {
  for (const combo of root.querySelectorAll('[data-combo]')) setUp(combo)
}

export function choose(combo, code, label) {
  const [value, input] = combo.querySelectorAll('input')
  value.value = code
  input.value = label
  input.removeAttribute('aria-invalid')
  value.dispatchEvent(new Event('input', { bubbles: true }))
}

function setUp(combo) {
  const [value, input] = combo.querySelectorAll('input')
  const list = combo.querySelector('ul')
  const options = [...list.querySelectorAll('li')]
  let shown = []
  let active = -1

  function open(isAll) {
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
    const current = options.find(option => option.dataset.code === value.value)
    if (!input.value.trim() && value.value) choose(combo, '', '')
    else if (input.value.trim() !== (current?.dataset.label ?? '')) {
      const exact = options.filter(option => option.dataset.label === input.value.trim() || option.dataset.code === input.value.trim())
      if (exact.length === 1) take(exact[0])
      else input.value = current?.dataset.label ?? combo.dataset.label ?? ''
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
