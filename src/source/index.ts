export { type Delivery, deliver, type Receipt, type RefusedEvent, type Undelivered } from './deliver.ts'
export { Router } from './route.ts'
