/** All families of cases, in the order of the page. */
import type { Family } from '../case.js'
import { acls } from './acls.js'
import { attributes } from './attributes.js'
import { changedBelow } from './changed-below.js'
import { create } from './create.js'
import { data } from './data.js'
import { directories } from './directories.js'
import { firstWrite } from './first-write.js'
import { inodes, lasting } from './identity.js'
import { inTurn } from './in-turn.js'
import { large } from './large.js'
import { links } from './links.js'
import { listings } from './listings.js'
import { locks } from './locks.js'
import { lookup } from './lookup.js'
import { metacopy, onDisk } from './marks.js'
import { oddModes } from './odd-modes.js'
import { protectionFamily } from './protection.js'
import { remove } from './remove.js'
import { rename } from './rename.js'
import { mappings, space } from './space.js'
import { names, specials } from './specials.js'
import { xattrs } from './xattrs.js'

export const families: readonly Family[] = [
  lookup,
  attributes,
  oddModes,
  inTurn,
  data,
  large,
  firstWrite,
  create,
  remove,
  rename,
  directories,
  links,
  xattrs,
  acls,
  protectionFamily,
  listings,
  specials,
  names,
  space,
  mappings,
  locks,
  inodes,
  lasting,
  changedBelow,
  onDisk,
  metacopy,
]
