import { createPredictor } from '../../lib/predictor.ts'
import { fraud, recommend } from './inputs.ts'

export default createPredictor([fraud, recommend])
