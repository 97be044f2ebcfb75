import { createPredictor } from '../../lib/predictor.ts'
import { delayRisk } from './inputs.ts'

export default createPredictor([delayRisk])
