/** Two programs' output as one picture: each pair in a row, docker's at the left. Pure. */

export interface Shot {
  readonly title: string
  readonly theirs: { readonly command: string; readonly text: string }
  readonly ours: { readonly command: string; readonly text: string }
}

const LETTER = 6.6
const LINE = 15
const PAD = 14
const GAP = 20

/** The picture of `shots`. */
export function svgOf(shots: readonly Shot[]): string {
  const columns = (['theirs', 'ours'] as const).map((side) =>
    Math.max(...shots.flatMap((shot) => linesOf(shot[side])).map((line) => [...line].length)),
  )
  const widths = columns.map((count) => Math.ceil(count * LETTER) + 2 * PAD)
  const left = [GAP, GAP + widths[0]! + GAP]
  const parts: string[] = []
  let y = GAP
  for (const shot of shots) {
    const lines = [linesOf(shot.theirs), linesOf(shot.ours)]
    const height = Math.max(...lines.map((each) => each.length)) * LINE + 2 * PAD
    for (const [side, each] of lines.entries()) parts.push(boxOf(each, left[side]!, y, widths[side]!, height))
    y += height + GAP
  }
  const width = left[1]! + widths[1]! + GAP
  const style = 'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="11" xml:space="preserve"'
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" ${style}>
<title>docker and stratafs side by side on the same image: images, history, diff</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`
}

function linesOf({ command, text }: Shot['ours']): string[] {
  return [`$ ${command}`, ...text.trimEnd().split('\n')]
}

function boxOf(lines: readonly string[], x: number, y: number, width: number, height: number): string {
  const box = `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6" fill="#1e2430"/>`
  const text = lines.map((line, i) => {
    const colour = i === 0 ? '#8fd18f' : i === 1 ? '#ffffff' : '#d4d8e0'
    return `<text x="${x + PAD}" y="${y + PAD + 11 + i * LINE}" fill="${colour}">${escaped(line)}</text>`
  })
  return [box, ...text].join('\n')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
