/** An image's own words: configuration, history, and which other tags have each of its layers. */
import { StratafsError } from '../../base/failure.js'
import { commandText } from '../sources/image.js'
import type { ViewContext } from './context.js'
import type { ImageView } from './types.js'

export function imageView({ source }: ViewContext): ImageView {
  const { image, layers, title } = source
  if (image === null) throw new StratafsError(`${title} is no image: it has no configuration`, 'NOT_FOUND')
  const { tag, manifest, platform, created, config, history, tags } = image
  return {
    ...{ title, tag, manifest, platform, created, config, tags },
    history: history.map((step) => ({
      layer: step.layer,
      created: step.created ?? null,
      command: commandText(step.created_by ?? ''),
      comment: step.comment ?? '',
    })),
    sql: 'SELECT layer, created, command, digest FROM layers ORDER BY layer DESC',
    shared: layers.map(({ shared }, layer) => ({ layer, with: shared })),
  }
}
