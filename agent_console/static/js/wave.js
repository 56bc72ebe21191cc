// The shape of a recording: the caller above, whom she talked with below, what was played in the accent colour.

const HEAD_BYTES = 8 // hotline/media/peaks.py
const VERSION = 1
const FULL = 128
const shapes = new WeakMap() // canvas -> sides, each an Int8Array of lowest and highest in turns

function read(buffer) {
  const view = new DataView(buffer)
  if (buffer.byteLength < HEAD_BYTES || view.getUint8(0) !== VERSION) return null
  const sides = view.getUint8(1), pairs = view.getUint32(4, true)
  if (!pairs || buffer.byteLength !== HEAD_BYTES + sides * pairs * 2) return null
  return Array.from({ length: sides }, (_, side) => new Int8Array(buffer, HEAD_BYTES + side * pairs * 2, pairs * 2))
}

// The lowest and highest of what falls into a column of the drawing; never nothing, so that silence is a line.
function column(side, from, to) {
  let low = 0, high = 0
  for (let pair = from; pair < Math.max(from + 1, to); pair++) {
    low = Math.min(low, side[pair * 2])
    high = Math.max(high, side[pair * 2 + 1])
  }
  return [low, high]
}

export function draw(player) {
  const canvas = player.querySelector('canvas')
  const sides = canvas && shapes.get(canvas)
  if (!sides) return
  const ratio = window.devicePixelRatio || 1
  const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio)
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height })
  const ahead = getComputedStyle(canvas).color
  const behind = getComputedStyle(player.querySelector('.play')).backgroundColor
  const seek = player.querySelector('.seek')
  const played = Number(seek.value) / (Number(seek.max) || 1) * width
  const pen = canvas.getContext('2d')
  pen.clearRect(0, 0, width, height)
  const step = Math.max(1, Math.round(2 * ratio)), room = height / sides.length
  sides.forEach((side, index) => {
    const middle = room * (index + 0.5), pairs = side.length / 2
    for (let x = 0; x < width; x += step) {
      const [low, high] = column(side, Math.floor(x / width * pairs), Math.floor((x + step) / width * pairs))
      const up = high / FULL * room / 2, down = -low / FULL * room / 2
      pen.fillStyle = x < played ? behind : ahead
      pen.fillRect(x, middle - up - ratio / 2, Math.max(1, step - ratio), up + down + ratio)
    }
  })
}

async function load(canvas) {
  shapes.set(canvas, null) // asked once
  try {
    const answer = await fetch(canvas.dataset.peaks, { credentials: 'same-origin' })
    const sides = answer.ok ? read(await answer.arrayBuffer()) : null
    if (!sides) return
    shapes.set(canvas, sides)
    canvas.parentElement.classList.add('drawn')
    draw(canvas.closest('.player'))
  } catch (error) {
    console.warn('peaks', canvas.dataset.peaks, error)
  }
}

const sizes = new ResizeObserver(entries => { for (const entry of entries) draw(entry.target.closest('.player')) })

export function setUpWaves() {
  for (const canvas of document.querySelectorAll('.player canvas')) {
    if (shapes.has(canvas)) continue
    sizes.observe(canvas)
    load(canvas)
  }
}
