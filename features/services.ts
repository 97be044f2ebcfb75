import { featureService } from 'tidemark'
import { airportDepartures } from './airport-departures.ts'
import { airportInbound } from './airport-inbound.ts'
import { routeHistory } from './route-history.ts'

/**
 * What the delay model asks for, about a flight that is about to leave: `{ airport: 'SEA', origin: 'SEA', destination: 'LAX' }`.
 * `airport` is where it leaves from, so the same as `origin`.
 */
export const delayRisk = featureService('delay_risk', [airportDepartures, airportInbound, routeHistory], {
  version: 1,
  owner: 'flight-operations',
  description: 'Will this flight leave more than 15 minutes late?',
  tags: ['example', 'flights'],
})
