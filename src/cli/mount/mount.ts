/**
 * `stratafs mount` as yargs reads it. What is spelled plainly need not come here when it is launched: see
 * mount-fast-parse.ts.
 */
import { type Add, last, list } from '../terminal/command.js'
import type { MountArguments } from './mount-request.js'

/** Mounts; the exit code. */
export type RunMount = (given: MountArguments) => Promise<number>

/** What `-o` takes, for a person; daemon/options/table.ts is the whole truth. */
const MOUNT_OPTIONS = `Mount options (-o A,B=C; names as kernel overlayfs and fuse-overlayfs have them):
  lowerdir=A:B upperdir= workdir=           the layers; in A, write \\: and \\, for : and ,
  lowerdir=A::D datadir+=D                  D: no names, only content of files that lead there by a mark
  verity=off|on                             on: a file whose mark carries a digest is EIO
  ro volatile noatime                       read-only; sync nothing; leave access times
  remount                                   change ro, rw and the flags of mount(8) of the mount on MERGED
  fsync=auto|strict|volatile|0|1            sync copies of content (auto, 1), of everything (strict), of nothing
  redirect_dir=on|off|follow|nofollow       rename directories of lower layers (on), or EXDEV (off)
  metacopy=on|off xino=on|off|auto          chmod without copying content; inode numbers
  index=on|off|immutable                    the owner index: a database of which layer owns a name, compared with
                                            the layers; immutable: they never change, so it is believed alone;
                                            on, given by name: lowerdir, upperdir, workdir that do not belong
                                            together are refused.
                                            Not kernel overlayfs's index=: hard links are kept together always
  index_fill=background|visited             what comes into it: everything, while the mount is idle, or only
                                            directories that were visited
  userxattr noacl static_nlink              marks as user.overlay.*; no ACLs; one link for all. With such marks,
                                            an ordinary user's, redirects and metacopies are off (EXDEV) unless
                                            redirect_dir=on or metacopy=on is given and nobody else may enter
  uidmapping=H:C:N gidmapping=H:C:N         owners on disk to owners shown, in ranges
  data=auto|passthrough|cached writeback=0|1
                                            file data: to the layers' own files (root), or through the mount's
                                            page cache; there, whether the kernel gathers small writes
  awake=auto|0|1                            keep idle processors from halting in busy times (root; PM QoS); auto: on
                                            guests of two processors that halt at once
  squash_to_root squash_to_uid= squash_to_gid= xattr_permissions=0|1|2
  allow_other allow_root default_permissions nosuid nodev noexec timeout=S fsname= subtype=
  transport=dev-fuse|fuse-native accept_limits auto_unmount   see docs/transports.md`

/** The command, which mounts by `run`. */
export const mountCommand =
  (run: RunMount): Add =>
  (parser, outcome) =>
    parser.command(
      'mount <merged>',
      'mount the merged directory; in the background unless -f',
      (command) =>
        command
          .positional('merged', { type: 'string', demandOption: true, describe: 'the directory to mount on' })
          .option('lower', {
            type: 'string',
            requiresArg: true,
            describe: 'a lower directory, top first, or NAME=DIR; repeat it',
          })
          .option('upper', {
            type: 'string',
            requiresArg: true,
            describe: 'the writable directory; without it: read-only',
          })
          .option('work', {
            type: 'string',
            requiresArg: true,
            describe: 'work directory [.NAME.work beside the upper]',
          })
          .option('o', { type: 'string', requiresArg: true, describe: 'mount options, separated by commas' })
          .option('transport', {
            choices: ['dev-fuse', 'fuse-native'] as const,
            requiresArg: true,
            describe: 'how requests come [dev-fuse; fuse-native where the addon was not built]',
          })
          .option('accept-limits', {
            type: 'boolean',
            describe: 'over fuse-native: several users, though owners are wrong',
          })
          .option('foreground', { alias: 'f', type: 'boolean', describe: 'stay, and log to the terminal' })
          .option('debug', { alias: 'd', type: 'boolean', describe: 'stay, and tell every request' })
          .option('log-file', { type: 'string', requiresArg: true, describe: 'where the daemon logs' })
          .option('json', { type: 'boolean', describe: 'tell as JSON what was mounted (in the background)' })
          .example('$0 mount --lower app --lower base --upper changes merged', 'two layers, changes kept in `changes`')
          .example('$0 mount --lower base -o nosuid,nodev merged', 'read-only')
          .epilogue(MOUNT_OPTIONS),
      async (given) => {
        outcome.code = await run({
          merged: given.merged,
          lowers: list(given.lower),
          upper: last(given.upper),
          work: last(given.work),
          options: list(given.o),
          foreground: given.foreground === true,
          trace: given.debug === true,
          logFile: last(given['log-file']),
          transport: given.transport === undefined ? undefined : last(given.transport),
          acceptLimits: given['accept-limits'] === true,
          ...(given.json === true ? { json: true } : {}),
        })
      },
    )
