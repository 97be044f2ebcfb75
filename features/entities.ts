import { entity } from 'tidemark'
import * as z from 'zod'

/** An airport by its IATA code. One flight is about two of them: the one it leaves and the one it goes to. */
export const airport = entity('airport', { airport: z.string() })

/** A way from one airport to another: a composite key, and SEA to LAX is another route than LAX to SEA. */
export const route = entity('route', { origin: z.string(), destination: z.string() })
