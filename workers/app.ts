import { definitions } from '../features/index.ts'
import { regions, routing } from '../regions.ts'
import { stores } from './stores.ts'

/** What this repository deploys: the definitions in `features/`, in the regions of `regions.ts`, with their online stores. */
export const app = { definitions, regions, routing, stores }
