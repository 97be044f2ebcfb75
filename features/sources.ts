import { streamSource, webhook } from 'tidemark'
import * as z from 'zod'

/**
 * One event a flight, sent when it has left. Its time is `departed`, not `scheduled`: before it left nobody knew how late
 * it would be, and a feature that counted it earlier would look into the future.
 */
export const flights = streamSource('flights', {
  event: z.object({
    id: z.int().min(0),
    scheduled: z.iso.datetime({ offset: true }),
    departed: z.iso.datetime({ offset: true }),
    delay: z.int(),
    distance: z.int().min(0),
    origin: z.string(),
    destination: z.string(),
  }),
  id: 'id',
  time: 'departed',
  from: [webhook()],
  description:
    'Domestic flights of the USA from 2001-01-01 on. The data give local times without a zone; they are read as UTC.',
})
