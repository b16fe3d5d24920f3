/**
 * The command. Called as a mount program (by podman, mount(8), fstab …) it mounts and loads nothing else. Any other
 * call is one of the commands, which yargs reads.
 */
import { basename } from 'node:path'
import { isMountProgramForm, parseMountProgram } from './mount/mount-program.js'
import { currentDirectory, rawArguments } from './terminal/arguments.js'
import { Exit, printError, told } from './terminal/errors.js'
import { writeOut } from './terminal/output.js'

const VERSION_WORDS = ['--version', '-V', '-v']

async function run(): Promise<number> {
  const name = calledAs()
  const args = rawArguments()
  if (isMountProgramForm(name, args)) return runMountProgram(name, args)
  const [first, ...others] = args
  if (first !== undefined && others.length === 0 && VERSION_WORDS.includes(first)) return printVersion()
  const { runCommands } = await import('./commands.js')
  return runCommands(args)
}

/**
 * Our own name: left by what was called and became this (native-bindings/src/launch.c, scripts/stratafs), or the
 * script's.
 */
function calledAs(): string {
  const { STRATAFS_NAME: left } = process.env
  delete process.env.STRATAFS_NAME
  return basename(left ?? process.argv[1] ?? 'stratafs')
}

async function runMountProgram(name: string, args: readonly string[]): Promise<number> {
  const form = parseMountProgram(name, args)
  if (form.kind === 'version') return printVersion()
  if (form.kind === 'help') return printUsage(name)
  if (form.kind === 'error') {
    printError(`${form.error} (stratafs --help shows how)`)
    return Exit.USAGE
  }
  for (const warning of form.warnings) printError(warning)
  const [{ performMount }, { programRequest }] = await Promise.all([
    import('./mount/perform-mount.js'),
    import('./mount/mount-request.js'),
  ])
  return performMount(programRequest(form, currentDirectory()))
}

async function printVersion(): Promise<number> {
  const { versionText } = await import('./terminal/version.js')
  writeOut(versionText())
  return Exit.DONE
}

async function printUsage(name: string): Promise<number> {
  const { programUsage } = await import('./mount/mount-program-usage.js')
  writeOut(programUsage(name))
  return Exit.DONE
}

void told(run).then((code) => process.exit(code))
