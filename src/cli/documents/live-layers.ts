/** What the commands about the layers of a mount in use print with `--json`. */
import type { LayersChanged } from '../../library/live/layers.js'

export interface LayerAddDocument extends LayersChanged {
  readonly schemaVersion: 1
}

export interface LayerRemoveDocument extends LayersChanged {
  readonly schemaVersion: 1
}

export interface LayerReplaceDocument extends LayersChanged {
  readonly schemaVersion: 1
}
