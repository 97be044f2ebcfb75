import { logApp } from '../log-app/definitions.ts'

/** The same with one view more. */
export const app = logApp(true)
