export { requestBatch } from './batch.ts'
export { type Delivery, deliver, type Receipt, type RefusedEvent, type Undelivered } from './deliver.ts'
export { type EventBatch, Router } from './route.ts'
