import { createLookup, featureServiceOf } from '../../../workers/lookup/app.ts'
import { app } from './definitions.ts'

export class FeatureService extends featureServiceOf(app)<LookupEnv> {}

export default createLookup(app)
