import { createLookup, featureServiceOf } from 'tidemark/worker'
import { app } from './app.ts'

/** Vectors over a service binding. */
export class FeatureService extends featureServiceOf(app)<LookupEnv> {}

export default createLookup(app)
