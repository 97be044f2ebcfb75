export { EntityTopic, EntityTopics, type EntityTopicsOptions } from './entity-topics.ts'
export { isNewer, keyJson, stateBytesOf, type TopicMessage, type TopicVersion } from './message.ts'
export { DOUBT_MS, type PublisherStatus } from './publisher.ts'
export { TopicCopy } from './reader.ts'
