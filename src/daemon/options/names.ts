/** The options whose values are names of parts of this program. Pure. */
import { oneOf } from './values.js'

/** Who serves a mount. */
export const engineName = (value: string) => oneOf(value, ['auto', 'fuse', 'hybrid'])

/** Whether a mount may stand on a metadata image. */
export const imageUse = (value: string) => oneOf(value, ['auto', 'off'])

/** How requests reach the engine. */
export const transportName = (value: string) => oneOf(value, ['dev-fuse', 'fuse-native'])
