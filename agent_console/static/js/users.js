// The list of people changes rarely: it is read anew with the page; only the lamp is live.

import { listen } from './live.js'

listen(() => {}, () => {})
