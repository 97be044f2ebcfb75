import { avg, count, featureView, latest, rate } from 'tidemark'
import { LATE_MINUTES, REPORT_LATENESS } from './airport-departures.ts'
import { airport } from './entities.ts'
import { flights } from './sources.ts'

/**
 * What is on its way to an airport: the same events again, keyed by the other end. The aircraft that comes in late is the
 * one that leaves late.
 */
export const airportInbound = featureView(
  'airport_inbound',
  {
    entity: airport,
    source: flights,
    key: { airport: 'destination' },
    since: 'beginning',
    allowedLateness: REPORT_LATENESS,
    description: 'Flights that left for the airport.',
  },
  (e) => {
    const late = rate(e.delay.gt(LATE_MINUTES)).describe('Share of flights towards here more than 15 minutes late.')
    const delay = avg(e.delay).describe('Mean delay in minutes of flights towards here.')
    return {
      inbound_1h: count().over('1h'),
      inbound_6h: count().over('6h'),
      inbound_1d: count().over('1d'),
      inbound_delay_avg_1h: delay.over('1h'),
      inbound_delay_avg_6h: delay.over('6h'),
      inbound_late_share_1h: late.over('1h'),
      inbound_late_share_6h: late.over('6h'),
      inbound_late_share_1d: late.over('1d'),
      last_inbound_origin: latest(e.origin).describe('Where the newest flight towards here came from.'),
    }
  },
)
