// The checks of the AWS SDK for JavaScript. Reads the session as JSON from the
// variable S3TEST and writes a line of JSON for each check:
// {"check": name, "error": text or ""}.
'use strict'

const crypto = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const s3 = require('@aws-sdk/client-s3')
const { Upload } = require('@aws-sdk/lib-storage')
const { createPresignedPost } = require('@aws-sdk/s3-presigned-post')
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner')

const session = JSON.parse(process.env.S3TEST)
const { bucket: Bucket, spare, page_keys: pageKeys } = session
const MIB = 1 << 20

function connect (more) {
  return new s3.S3Client({
    endpoint: session.endpoint,
    region: session.region,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: session.access_key, secretAccessKey: session.secret_key },
    ...more
  })
}

const client = connect()

async function check (name, run) {
  let error = ''
  try {
    await run()
  } catch (e) {
    error = `${e.stack || e}` || 'an error without a text'
  }
  process.stdout.write(JSON.stringify({ check: name, error }) + '\n')
}

function same (got, want, what) {
  const [g, w] = [JSON.stringify(got), JSON.stringify(want)]
  if (g !== w) throw new Error(`${what}: got ${g.slice(0, 2000)}, want ${w.slice(0, 2000)}`)
}

const sha256 = data => crypto.createHash('sha256').update(data).digest('hex')
const file = key => path.join(session.dir, key)

async function read (key, more = {}, from = client) {
  const out = await from.send(new s3.GetObjectCommand({ Bucket, Key: key, ...more }))
  return Buffer.from(await out.Body.transformToByteArray())
}

const put = (Key, Body = Key, more = {}) => client.send(new s3.PutObjectCommand({ Bucket, Key, Body, ...more }))

async function refused (code, run) {
  let got
  try {
    got = await run()
  } catch (e) {
    same([e.name, e.Code, String(e.$metadata?.httpStatusCode)].includes(code), true, `${code} in ${e.name}, ${e.Code}, ${e.message}`)
    return
  }
  throw new Error(`succeeds with ${got}, want ${code}`)
}

async function fetched (method, url, body) {
  const answer = await fetch(url, { method, body })
  return [answer.status, await answer.text()]
}

function spoil (url) {
  const at = url.indexOf('X-Amz-Signature=') + 'X-Amz-Signature='.length
  return url.slice(0, at) + (url[at] === '0' ? '1' : '0') + url.slice(at + 1)
}

async function buckets () {
  const names = async () => (await client.send(new s3.ListBucketsCommand({}))).Buckets.map(b => b.Name)
  for (const name of [Bucket, spare]) {
    await client.send(new s3.CreateBucketCommand({ Bucket: name }))
    await client.send(new s3.HeadBucketCommand({ Bucket: name }))
    same((await names()).includes(name), true, name)
  }
  await client.send(new s3.DeleteBucketCommand({ Bucket: spare }))
  const left = await names()
  same([left.includes(Bucket), left.includes(spare)], [true, false], 'buckets')
  await refused('404', () => client.send(new s3.HeadBucketCommand({ Bucket: spare })))
}

// upload sends a stream of unknown length with lib-storage: in parts when it is
// long.
async function roundTrip (name, to = client) {
  const Key = 'size/' + name
  await new Upload({ client: to, params: { Bucket, Key, Body: fs.createReadStream(file(Key)) } }).done()
  same(sha256(await read(Key, {}, to)), session.sums[Key], 'SHA-256 of an upload')
  // The same in one request, as a stream: aws-chunked with a checksum at the end.
  const length = fs.statSync(file(Key)).size
  await to.send(new s3.PutObjectCommand({ Bucket, Key, Body: fs.createReadStream(file(Key)), ContentLength: length }))
  same(sha256(await read(Key, {}, to)), session.sums[Key], 'SHA-256 of a stream')
}

async function oddKey (name) {
  const Key = 'odd/' + name
  await put(Key, name)
  same((await read(Key)).toString(), name, 'content')
  same((await client.send(new s3.HeadObjectCommand({ Bucket, Key }))).ContentLength, Buffer.byteLength(name), 'length')
  const found = await client.send(new s3.ListObjectsV2Command({ Bucket, Prefix: Key }))
  same((found.Contents ?? []).some(o => o.Key === Key), true, `${Key} in the list`)
}

async function multipart () {
  const Key = 'multi part+'
  const whole = fs.readFileSync(file('size/5MiB+1'))
  const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'CRC32' }))
  const Parts = []
  for (const [i, Body] of [whole.subarray(0, 5 * MIB), whole.subarray(5 * MIB)].entries()) {
    const { ETag, ChecksumCRC32 } = await client.send(new s3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber: i + 1, Body }))
    Parts.push({ PartNumber: i + 1, ETag, ChecksumCRC32 })
  }
  await client.send(new s3.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }))
  same(sha256(await read(Key)), session.sums['size/5MiB+1'], 'SHA-256')
}

async function abort () {
  const Key = 'given up'
  const uploads = async () => ((await client.send(new s3.ListMultipartUploadsCommand({ Bucket }))).Uploads ?? []).map(u => u.UploadId)
  const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key }))
  await client.send(new s3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'part' }))
  same(await uploads(), [UploadId], 'uploads')
  await client.send(new s3.AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
  same(await uploads(), [], 'uploads')
  await refused('NoSuchKey', () => read(Key))
}

async function ranges () {
  await put('range', '0123456789')
  for (const [wanted, content] of Object.entries({ '2-5': '2345', '7-': '789', '-3': '789', '0-0': '0' })) {
    same((await read('range', { Range: 'bytes=' + wanted })).toString(), content, wanted)
  }
  await refused('InvalidRange', () => read('range', { Range: 'bytes=20-30' }))
}

async function copy () {
  const [from, Key] = ['copy/from é a+b%2F c', 'copy/to é a+b%2F d']
  await put(from)
  const CopySource = `${Bucket}/${from.split('/').map(encodeURIComponent).join('/')}`
  await client.send(new s3.CopyObjectCommand({ Bucket, Key, CopySource }))
  same((await read(Key)).toString(), from, 'content')
}

async function pages (paginate, more) {
  const found = { keys: [], prefixes: [], count: 0 }
  for await (const page of paginate(more)) {
    found.keys.push(...(page.Contents ?? []).map(o => o.Key))
    found.prefixes.push(...(page.CommonPrefixes ?? []).map(p => p.Prefix))
    found.count++
  }
  found.keys.sort()
  found.prefixes.sort()
  return found
}

// The SDK has no pages for version 1.
async function * pagesV1 (more) {
  for (let Marker; ;) {
    const page = await client.send(new s3.ListObjectsCommand({ Bucket, MaxKeys: session.page_size, Marker, ...more }))
    yield page
    if (!page.IsTruncated) return
    Marker = page.NextMarker ?? page.Contents.at(-1).Key
  }
}

const pagesV2 = more => s3.paginateListObjectsV2({ client, pageSize: session.page_size }, { Bucket, ...more })

async function listing (paginate) {
  const want = { keys: [...pageKeys].sort(), prefixes: [], count: 3 }
  same(await pages(paginate, { Prefix: 'page/' }), want, 'keys, prefixes, pages')
}

async function delimiter () {
  const want = pageKeys.filter(k => !k.slice('page/'.length).includes('/')).sort()
  for (const paginate of [pagesV1, pagesV2]) {
    const found = await pages(paginate, { Prefix: 'page/', Delimiter: '/' })
    same([found.keys, found.prefixes], [want, ['page/sub two/', 'page/sub/']], 'keys, prefixes')
  }
}

async function batchDelete () {
  const goes = ['batch/a&b<c>', 'batch/plain', 'batch/"q" \'q\'', 'batch/é+%2F']
  for (const key of [...goes, 'batch/stays']) await put(key)
  const out = await client.send(new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects: goes.map(Key => ({ Key })) } }))
  same([out.Deleted.map(d => d.Key).sort(), out.Errors ?? []], [[...goes].sort(), []], 'deleted')
  same((await pages(pagesV2, { Prefix: 'batch/' })).keys, ['batch/stays'], 'left')
}

async function metadata () {
  const sent = { ContentType: 'text/x-odd; charset=utf-8', CacheControl: 'max-age=60', Metadata: { note: 'two  spaces, a comma; a=b' } }
  await put('metadata', 'x', sent)
  const { ContentType, CacheControl, Metadata } = await client.send(new s3.HeadObjectCommand({ Bucket, Key: 'metadata' }))
  same({ ContentType, CacheControl, Metadata }, sent, 'headers')
}

async function conditional () {
  await put('condition', 'x')
  const { ETag } = await client.send(new s3.HeadObjectCommand({ Bucket, Key: 'condition' }))
  same((await read('condition', { IfNoneMatch: '"0123456789abcdef0123456789abcdef"' })).toString(), 'x', 'content')
  await refused('304', () => read('condition', { IfNoneMatch: ETag }))
}

async function presignedGet () {
  const Key = session.presigned_key
  await put(Key, 'presigned')
  const url = await getSignedUrl(client, new s3.GetObjectCommand({ Bucket, Key, ResponseContentType: 'text/odd' }), { expiresIn: 600 })
  same(await fetched('GET', url), [200, 'presigned'], url)
  for (const [name, method, other] of [['signature', 'GET', spoil(url)], ['method', 'PUT', url], ['argument', 'GET', url + '&acl=']]) {
    same((await fetched(method, other))[0], 403, 'another ' + name)
  }
}

async function presignedPut () {
  const Key = session.presigned_key + '!'
  // Metadata become arguments of the URL.
  const url = await getSignedUrl(client, new s3.PutObjectCommand({ Bucket, Key, Metadata: { note: 'hoisted' } }), { expiresIn: 600 })
  same((await fetched('PUT', spoil(url), 'refused'))[0], 403, 'another signature')
  same(await fetched('PUT', url, 'put by URL'), [200, ''], url)
  same((await read(Key)).toString(), 'put by URL', 'content')
}

async function presignedPost () {
  const Key = 'form/é a+b'
  const { url, fields } = await createPresignedPost(client, { Bucket, Key, Conditions: [['content-length-range', 1, 100]], Expires: 600 })
  const send = more => {
    const form = new FormData()
    for (const [name, value] of Object.entries({ ...fields, ...more })) form.append(name, value)
    form.append('file', new Blob(['by form']), 'name.txt')
    return fetched('POST', url, form)
  }
  const [status, body] = await send({})
  same(Math.floor(status / 100), 2, `POST: ${status} ${body}`)
  same((await read(Key)).toString(), 'by form', 'content')
  same((await send({ key: 'form/another' }))[0], 403, 'another key')
  await refused('NoSuchKey', () => read('form/another'))
}

async function overTLS () {
  const secure = connect({ endpoint: session.secure })
  for (const name of ['0B', '1B', '5MiB+1', '64MiB']) await roundTrip(name, secure)
}

async function wrong (code, keys) {
  const credentials = { accessKeyId: session.access_key, secretAccessKey: session.secret_key, ...keys }
  const other = connect({ credentials })
  await refused(code, () => other.send(new s3.ListObjectsV2Command({ Bucket })))
  await refused(code, () => other.send(new s3.PutObjectCommand({ Bucket, Key: 'refused', Body: 'x' })))
  await refused('NoSuchKey', () => read('refused'))
}

async function main () {
  const names = session.checks
  await check(names.buckets, buckets)
  for (const name of session.sizes) await check('put and get ' + name, () => roundTrip(name))
  for (const key of session.odd_keys) await check('key ' + key, () => oddKey(key))
  for (const key of pageKeys) await put(key)
  for (const [name, run] of Object.entries({
    multipart,
    abort,
    range: ranges,
    copy,
    list_v1: () => listing(pagesV1),
    list_v2: () => listing(pagesV2),
    delimiter,
    batch_delete: batchDelete,
    metadata,
    conditional,
    missing: () => refused('NoSuchKey', () => read('missing')),
    presigned_get: presignedGet,
    presigned_put: presignedPut,
    post: presignedPost,
    tls: overTLS,
    secret: () => wrong('SignatureDoesNotMatch', { secretAccessKey: session.secret_key + 'x' }),
    access_key: () => wrong('InvalidAccessKeyId', { accessKeyId: '0123456789abcdef0123456789abcdef' })
  })) await check(names[name], run)
}

main()
