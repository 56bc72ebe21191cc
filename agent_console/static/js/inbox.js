// A unit's work orders: read anew when one of them changes; a reply that is being typed stays.

import { refresh, showWaits, swap } from './page.js'
import { listen } from './live.js'

const orders = document.getElementById('orders')
const unit = orders.dataset.unit

function readOrders() {
  refresh('orders', `/inbox/orders?unit=${encodeURIComponent(unit)}`, async text => {
    const typed = new Map([...orders.querySelectorAll('textarea')].map(area => [area.id, area.value]))
    await swap(text, orders, 'innerMorph')
    for (const [id, value] of typed) {
      const area = document.getElementById(id)
      if (area && value) area.value = value
    }
    showWaits()
  })
}

listen(events => {
  if (events.some(event => event.number && event.kind !== 'recording.played')) readOrders()
}, readOrders)

document.getElementById('unit-choice')?.addEventListener('change', event => event.target.form.submit())
