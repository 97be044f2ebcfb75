import { shopApp } from '../app/definitions.ts'

/** The shop after its contract of orders was mended. */
export const app = shopApp('text')
