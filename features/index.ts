import { definitions as collect } from 'tidemark'
import { delayRisk } from './services.ts'

/** Everything this repository deploys: real flights, two entities, three views and the service of one model. */
export const definitions = collect({ services: [delayRisk] })
export default definitions
