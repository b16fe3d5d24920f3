/** How the image commands read what they are given: LAYOUT:TAG as a person writes it, and the store. */

import { parsePlatform } from '../../oci/image/platform.js'
import type { Platform } from '../../oci/image/types.js'

/** What `--platform` says; null where it is not given. Throws StratafsError. */
export function platformOf(given: string | undefined): Platform | null {
  return given === undefined ? null : parsePlatform(given)
}
