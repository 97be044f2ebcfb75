import { avg, count, featureView, latest, lifetime, max, rate } from 'tidemark'
import { LATE_MINUTES, REPORT_LATENESS } from './airport-departures.ts'
import { route } from './entities.ts'
import { flights } from './sources.ts'

/** How a route has been doing: few flights a day, so the windows are long. */
export const routeHistory = featureView(
  'route_history',
  {
    entity: route,
    source: flights,
    key: { origin: 'origin', destination: 'destination' },
    since: 'beginning',
    allowedLateness: REPORT_LATENESS,
    description: 'Flights from one airport to the other.',
  },
  (e) => {
    const late = rate(e.delay.gt(LATE_MINUTES)).describe('Share of flights on the route more than 15 minutes late.')
    const delay = avg(e.delay).describe('Mean delay in minutes on the route.')
    return {
      route_flights_1d: count().over('1d'),
      route_flights_7d: count().over('7d'),
      route_flights_ever: count().over(lifetime()),
      route_delay_avg_1d: delay.over('1d'),
      route_delay_avg_7d: delay.over('7d'),
      route_delay_max_7d: max(e.delay).over('7d').describe('Longest delay in minutes on the route.'),
      route_late_share_1d: late.over('1d'),
      route_late_share_7d: late.over('7d'),
      route_late_share_ever: late.over(lifetime()),
      route_last_delay: latest(e.delay).describe('Delay in minutes of the newest flight on the route.'),
      route_distance: latest(e.distance).describe('Miles between the two airports.'),
    }
  },
)
