// The vector as a table: features by what they measure, windows side by side.

const count = (n) => n.toLocaleString('en')
const minutes = (n) => n.toLocaleString('en', { maximumFractionDigits: 1 }).replace('-', '−')
const share = (n) => (100 * n).toFixed(1)

/** Rows of the table: a heading, or a measure and how its feature is called for each window. */
const rows = [
  { heading: 'Leaving', of: 'origin' },
  { label: 'flights', name: 'departures', show: count },
  { label: 'mean delay, min', name: 'delay_avg', show: minutes },
  { label: 'longest delay, min', name: 'delay_max', show: minutes },
  { label: 'late, %', name: 'late_share', show: share },
  { label: 'last one went to', only: 'last_destination', show: String },
  { heading: 'Coming in to', of: 'origin' },
  { label: 'flights', name: 'inbound', show: count },
  { label: 'mean delay, min', name: 'inbound_delay_avg', show: minutes },
  { label: 'late, %', name: 'inbound_late_share', show: share },
  { label: 'last one from', only: 'last_inbound_origin', show: String },
  { heading: 'The route', of: 'route' },
  { label: 'flights', name: 'route_flights', show: count },
  { label: 'mean delay, min', name: 'route_delay_avg', show: minutes },
  { label: 'longest delay, min', name: 'route_delay_max', show: minutes },
  { label: 'late, %', name: 'route_late_share', show: share },
  { label: 'last delay, min', only: 'route_last_delay', show: minutes },
  { label: 'distance, miles', only: 'route_distance', show: count },
]
const windows = ['1h', '6h', '1d', '7d', 'ever']

/** Fills the table's body with one prediction's features. */
export function showVector(body, { origin, destination, features, status, exact }) {
  const headings = { origin, route: `${origin} → ${destination}` }
  body.replaceChildren(
    ...rows.map((row) => {
      if (row.heading) return headingRow(row.heading, headings[row.of])
      const names = row.only ? ['', '', '', '', row.only] : windows.map((window) => `${row.name}_${window}`)
      const tr = document.createElement('tr')
      tr.append(header(row.label), ...names.map((name) => cell(name, row.show, { features, status, exact })))
      return tr
    }),
  )
}

function headingRow(heading, what) {
  const tr = document.createElement('tr')
  tr.className = 'group'
  const th = header(heading === 'The route' ? what : `${heading} ${what}`)
  th.colSpan = windows.length + 1
  tr.append(th)
  return tr
}

function header(text) {
  const th = document.createElement('th')
  th.scope = 'row'
  th.textContent = text
  return th
}

function cell(name, show, { features, status, exact }) {
  const td = document.createElement('td')
  if (!(name in features)) return td
  const value = features[name]
  const state = status[name]
  td.title = `${name}: ${state}${exact[name] ? ', exact' : ', not exact'}`
  // A count over an empty window is a plain 0; anything else that is not there is named by its status.
  if (value === null || (state !== 'present' && state !== 'empty')) {
    td.className = state === 'empty' || state === 'missing' ? state : 'other'
    td.textContent = value === null || state === 'missing' ? state : `${show(value)} ${state}`
    return td
  }
  td.textContent = exact[name] ? show(value) : `≈ ${show(value)}`
  if (!exact[name]) td.classList.add('approx')
  if (show === share) {
    td.classList.add('share')
    td.style.setProperty('--share', `${Math.round(value * 100)}%`)
  }
  return td
}
