import { shopApp } from '../app/definitions.ts'

/** The shop after its contracts were mended. */
export const app = shopApp('mended')
