/** Flights, with a log that is written again and again (test/interop/log/upkeep.interop.ts). */

import { airport, route } from '../../../features/entities.ts'
import { flights } from '../../../features/sources.ts'
import { count, definitions, featureService, featureView, lifetime, sum } from '../../../src/define/index.ts'
import type { Region } from '../../../src/plan/index.ts'

const departures = featureView(
  'departures',
  { entity: airport, source: flights, key: { airport: 'origin' }, since: 'beginning' },
  (e) => ({ flights: count().over(lifetime()), delay: sum(e.delay).over(lifetime()) }),
)

const arrivals = featureView(
  'arrivals',
  { entity: airport, source: flights, key: { airport: 'destination' }, since: 'beginning' },
  (e) => ({ arrived: count().over(lifetime()), distance: sum(e.distance).over(lifetime()) }),
)

const routes = featureView(
  'routes',
  { entity: route, source: flights, key: { origin: 'origin', destination: 'destination' }, since: 'beginning' },
  (e) => ({ flights: count().over(lifetime()), delay: sum(e.delay).over(lifetime()) }),
)

/** It comes later: what was before it came is filled in from the log. */
const hauls = featureView('hauls', { entity: airport, source: flights, key: { airport: 'origin' } }, (e) => ({
  hauled: count().over(lifetime()),
  distance: sum(e.distance).over(lifetime()),
}))

const regions: readonly Region[] = [
  { name: 'east', id: 1, epoch: 0, shards: { default: 2 }, log: { flushMs: 200, servedShare: 1 } },
]

export const logApp = (isLater: boolean) => ({
  definitions: definitions({
    services: [
      featureService('airports', [departures, arrivals]),
      featureService('routes', [routes]),
      ...(isLater ? [featureService('hauls', [hauls])] : []),
    ],
  }),
  regions,
})

export const app = logApp(false)
