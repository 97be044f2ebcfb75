import { app } from '../app.ts'
import { createLookup, featureServiceOf } from './app.ts'

/** Vectors over a service binding. */
export class FeatureService extends featureServiceOf(app)<LookupEnv> {}

export default createLookup(app)
