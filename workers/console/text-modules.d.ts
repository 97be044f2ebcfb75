// What `rules` in the Wrangler config turn into text modules.
declare module '*.html' {
  const text: string
  export default text
}
declare module '*.css' {
  const text: string
  export default text
}
declare module '*.browser.js' {
  const text: string
  export default text
}
