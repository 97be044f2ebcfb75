import { avg, count, featureView, latest, lifetime, max, rate } from 'tidemark'
import { airport } from './entities.ts'
import { flights } from './sources.ts'

/** Minutes behind schedule from which a flight counts as late; the model predicts the same. */
export const LATE_MINUTES = 15

/** How late a flight may be reported, and how far behind an airport's newest flight a vector can still be read. */
export const REPORT_LATENESS = '1d'

/** What left an airport: how many flights, how late. */
export const airportDepartures = featureView(
  'airport_departures',
  {
    entity: airport,
    source: flights,
    key: { airport: 'origin' },
    since: 'beginning',
    allowedLateness: REPORT_LATENESS,
    description: 'Flights that left the airport.',
  },
  (e) => {
    const late = rate(e.delay.gt(LATE_MINUTES)).describe('Share of flights more than 15 minutes late.')
    const delay = avg(e.delay).describe('Mean delay in minutes; early flights count below zero.')
    const worst = max(e.delay).describe('Longest delay in minutes.')
    return {
      departures_1h: count().over('1h'),
      departures_6h: count().over('6h'),
      departures_1d: count().over('1d'),
      departures_7d: count().over('7d'),
      departures_ever: count().over(lifetime()),
      delay_avg_1h: delay.over('1h'),
      delay_avg_6h: delay.over('6h'),
      delay_avg_1d: delay.over('1d'),
      delay_avg_7d: delay.over('7d'),
      delay_max_1h: worst.over('1h'),
      delay_max_6h: worst.over('6h'),
      delay_max_1d: worst.over('1d'),
      late_share_1h: late.over('1h'),
      late_share_6h: late.over('6h'),
      late_share_1d: late.over('1d'),
      late_share_7d: late.over('7d'),
      late_share_ever: late.over(lifetime()),
      last_destination: latest(e.destination).describe('Where the newest flight went.'),
    }
  },
)
