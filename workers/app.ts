import { definitions } from '../features/index.ts'
import { regions, routing } from '../regions.ts'

/** What this repository deploys: the definitions in `features/`, in the regions of `regions.ts`. */
export const app = { definitions, regions, routing }
