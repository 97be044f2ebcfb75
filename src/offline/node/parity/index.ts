export { checkParity, type ParityOptions } from './check.ts'
