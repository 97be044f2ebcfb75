import { createLookup } from '../../../workers/lookup/app.ts'
import { app } from './definitions.ts'

export default createLookup(app)
