/**
 * Text as man(7) macros want it, in ASCII: what is special to roff is escaped, so that names and options appear as
 * they are.
 */

const SPECIAL: Readonly<Record<string, string>> = { '’': "'", '…': '...', '“': '"', '”': '"', '–': '-' }

/** Running text. Throws for a character that has no spelling here. */
export function text(plain: string): string {
  const escaped = plain
    .replace(/[’…“”–]/g, (character) => SPECIAL[character]!)
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
  const strange = /[^\x20-\x7e\n]/.exec(escaped)
  if (strange !== null) throw new Error(`no spelling for ${JSON.stringify(strange[0])} in: ${plain}`)
  // A line that begins with a dot would be a request.
  return escaped.replace(/^\./gm, '\\&.')
}

/** One argument of a macro. */
function argument(plain: string): string {
  return `"${text(plain).replaceAll('"', '\\(dq')}"`
}

export function section(title: string): string {
  return `.SH ${argument(title)}\n`
}

export function paragraph(plain: string): string {
  return `.PP\n${text(plain)}\n`
}

/** A tagged paragraph: `tag` in bold, then what it is. */
export function item(tag: string, about: string): string {
  return `.TP\n.B ${argument(tag)}\n${text(about === '' ? '-' : sentence(about))}\n`
}

/** Lines as they stand. */
export function literal(lines: string): string {
  return `.PP\n.nf\n.RS 4\n${text(lines)}\n.RE\n.fi\n`
}

/** The first line of a page. */
export function title(name: string, part: 1 | 8, version: string): string {
  const words = part === 1 ? 'User Commands' : 'System Administration'
  return `.TH ${argument(name.toUpperCase())} ${part} "" ${argument(`stratafs ${version}`)} ${argument(words)}\n`
}

/** The words of `--help` with a full stop. */
export function sentence(words: string): string {
  return /[.!?]$/.test(words) ? words : `${words}.`
}
