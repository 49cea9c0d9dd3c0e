"""The table of rules: which words and which lines speak for which defect category. The machinery is `rules.py`.

A line: name, category, where, weight, cues, pattern, languages.

- where: MESSAGE; ADDED, DELETED or CHANGED lines; PATH; PAIR (a deleted line and the added line in its place are
  equal once everything that the pattern matches is taken out of both); SWAP (the same words in another order).
- cues: what must be in the text before the pattern is tried. A word of letters, digits and `_` must stand there as a whole
  word; anything else is searched literally. For MESSAGE: the words that the pattern can begin with, in lower case (their
  first four letters count). For PAIR: the words by which the two lines may differ. A `·` in a cue stands for a blank.
- pattern: applied to the line that holds the cue (MESSAGE: from the cue on, without regard to case; PATH: to the path).
- weight: .60-.80 the thing is named; .45-.60 strong; .25-.40 a hint that is said alone, but quietly; below that it only
  adds to others. A word of the message below .50 is heard in the title only. The weights are chosen, and were tuned by reading commits of ripgrep, cobra, express and vim.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from codex_gate.taxonomy import DefectCategory as D

MESSAGE, ADDED, DELETED, CHANGED, PATH, PAIR, SWAP = "message", "added", "deleted", "changed", "path", "pair", "swap"


class Rule(NamedTuple):
    """A line of the table; patterns are compiled when they are first tried (all of them: 35 ms, most changes need few).

    `also`: what one of the two lines of a PAIR must hold besides; `back`: how many lines before it the pattern sees;
    `comments`: whether it looks into comments too.
    """

    name: str
    category: D
    where: str
    weight: float
    cues: tuple[str, ...]
    source: str
    languages: frozenset[str] | None
    also_source: str = ""
    back: int = 0
    comments: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        return _compiled(self.source, self.where == MESSAGE)

    @property
    def also(self) -> re.Pattern[str] | None:
        return _compiled(self.also_source, False) if self.also_source else None


@cache
def _compiled(source: str, any_case: bool) -> re.Pattern[str]:
    return re.compile(source, re.IGNORECASE if any_case else 0)


def _r(name: str, category: D, where: str, weight: float, cues: str, pattern: str, languages: str = "",
       also: str = "", back: int = 0, comments: bool = False) -> Rule:  # fmt: skip
    split = tuple(cue.replace("·", " ") for cue in cues.split())
    return Rule(name, category, where, weight, split, pattern, frozenset(languages.split()) or None, also, back, comments)


C = "c cpp objc"
JVM = "java kotlin scala groovy"
JS = "javascript typescript"
MANIFEST = "manifest"  # not a language: package.json, go.mod, requirements.txt and the like
NUMBERS = r"(?:unsigned |signed )?\b(?:int|long|short|float|double|u?int(?:8|16|32|64)(?:_t)?|s?size_t|[iu](?:8|16|32|64|size)|f32|f64|Integer|Long|Double)\b"

RULES: tuple[Rule, ...] = (
    # -- ASTTransform: only programs about programs speak of these ------------------------------------
    _r("ast-named", D.ASTTransform, MESSAGE, .60, "ast asts abstract syntax parse", r"\b(?:(?-i:ASTs?)(?! is)|(?:abstract )?syntax (?:tree|node)s?|parse trees?)\b"),
    _r("ast-compiling", D.ASTTransform, MESSAGE, .50, "codegen code transpile desugar decompile macro lowering",
       r"\b(?:code-?gen|code gener(?:ation|ator)|transpil(?:e[rsd]?|ing|ation)|desugar(?:s|ed|ing)?|decompil(?:e[rd]?|ation)|macro expansions?|lowering (?:pass|phase|of))\b"),
    _r("ast-lexing", D.ASTTransform, MESSAGE, .40, "grammar tokenizer tokeniser lexer parser", r"\b(?:grammar (?:rules?|file)|tokeni[sz]er|lexer|parser (?:rules?|generator|combinators?))\b"),
    _r("ast-python", D.ASTTransform, CHANGED, .45, "ast NodeVisitor NodeTransformer generic_visit libcst",
       r"\bast\.(?:parse|walk|unparse|fix_missing_locations|iter_child_nodes|[A-Z]\w+)|\bNode(?:Visitor|Transformer)\b|\bgeneric_visit\b|\blibcst\b", "python"),
    _r("ast-javascript", D.ASTTransform, CHANGED, .45, "babel SyntaxKind createSourceFile jscodeshift recast esprima acorn escodegen",
       r"@babel/(?:parser|traverse|types|generator)|\bts\.SyntaxKind\b|\bcreateSourceFile\(|\b(?:jscodeshift|recast|esprima|acorn|escodegen)\b", JS),
    _r("ast-java", D.ASTTransform, CHANGED, .40, "ASTNode ASTVisitor ASTParser ASTRewrite TreeVisitor CompilationUnitTree", r"\b(?:ASTNode|ASTVisitor|ASTParser|ASTRewrite|TreeVisitor|CompilationUnitTree)\b", JVM),
    _r("ast-rust", D.ASTTransform, CHANGED, .45, "syn quote TokenStream proc_macro", r"\bsyn::\w|\bquote!|\bTokenStream\b|\bproc_macro\b", "rust"),
    _r("ast-go", D.ASTTransform, CHANGED, .45, "ast", r"\"go/ast\"|\bast\.(?:Inspect|Walk|Node|Expr|Stmt|File|Ident|CallExpr|FuncDecl)\b", "go"),
    _r("ast-c", D.ASTTransform, CHANGED, .40, "clang llvm yyparse yylex yylval", r"\b(?:clang|llvm)::\w|\byy(?:parse|lex|lval)\b", C),
    _r("ast-place", D.ASTTransform, PATH, .40, "", r"(?:^|/)(?:ast|compiler|transpiler?|code_?gen(?:erator)?|lexer|grammar|desugar|lowering)(?:/|\.\w+$)|\.(?:g4|pest|lalrpop|yy?|ll?)$"),

    # -- OwnershipBorrow ----------------------------------------------------------------------------
    _r("borrow-checker", D.OwnershipBorrow, MESSAGE, .60, "borrow borrowck use moved move already double mutable",
       r"\bborrow(?:ck\b|[- ]?check\w*)|\b(?:use (?:of|after) (?:a )?moved?|moved value|move semantics|(?:already|double|(?:im)?mutabl[ey]) borrow(?:s|ed|ing)?)\b", "rust"),
    _r("borrow-word", D.OwnershipBorrow, MESSAGE, .40, "borrow", r"\bborrow(?:s|ed|ing)?\b", "rust"),
    _r("borrow-lifetime", D.OwnershipBorrow, MESSAGE, .50, "lifetime ownership", r"\b(?:lifetimes?|ownership)\b", "rust"),
    _r("borrow-pair", D.OwnershipBorrow, PAIR, .50, "mut clone to_owned to_vec as_ref as_mut as_deref borrow borrow_mut move ref static a b",
       r"&mut |&(?!&)|\bmut |\.(?:clone|to_owned|to_vec|as_ref|as_mut|as_deref|borrow|borrow_mut)\(\)|'(?:static|[a-z])\b(?!')|<>|\bmove |\bref ", "rust"),
    _r("borrow-cell", D.OwnershipBorrow, CHANGED, .35, "RefCell borrow_mut OnceCell Cow", r"\bRefCell<|\.borrow_mut\(\)|\bOnceCell<|\bCow<", "rust"),
    _r("borrow-lifetimes", D.OwnershipBorrow, ADDED, .30, "<' &'", r"<'(?!static)[a-z]\w*[,>]|&'(?!static)[a-z]\w* ", "rust"),
    _r("borrow-take", D.OwnershipBorrow, CHANGED, .35, "mem", r"\bmem::(?:replace|take|swap)\(", "rust"),
    _r("borrow-clone", D.OwnershipBorrow, CHANGED, .20, "clone to_owned", r"\.(?:clone|to_owned)\(\)", "rust"),

    # -- StdlibMapping ------------------------------------------------------------------------------
    _r("stdlib-named", D.StdlibMapping, MESSAGE, .60, "stdlib standard builtin built library map maps mapped mapping translate translating",
       r"\b(?:stdlib|standard library|built-?ins?|library)(?: (?:call|function|method|module)s?)? (?:mappings?|shims?|translations?)\b"
       r"|\b(?:map|maps|mapped|mapping|translat(?:e|es|ed|ing))(?: of)? [\w.]+(?:\(\))? (?:to|onto|into) (?:std::|core::|java\.|Math\.|the (?:Rust|Go|C\+\+) )"),
    _r("stdlib-polyfill", D.StdlibMapping, MESSAGE, .40, "polyfill polyfills", r"\bpolyfill(?:s|ed|ing)?\b"),
    _r("stdlib-entry", D.StdlibMapping, CHANGED, .45, "std:: core::", r"[\"'][a-z_]\w*(?:\.\w+)*(?:\(\))?[\"']\s*(?::|=>|,|->|=)\s*\(?[\"'](?:std|core)::\w"),
    _r("stdlib-place", D.StdlibMapping, PATH, .45, "", r"(?:^|/)(?:(?:stdlib|builtins?|library|intrinsics)_?(?:map|mappings?|shims?)|polyfills?|shims?)(?:/|\.\w+$)"),

    # -- TypeErrors ---------------------------------------------------------------------------------
    _r("type-named", D.TypeErrors, MESSAGE, .60, "typeerror type types classcastexception invalid wrong incompatible mismatched",
       r"\b(?:TypeErrors?|ClassCastException|type mismatch(?:es)?|type errors?|mismatched types?|wrong (?:data )?types?|incompatible types?|invalid (?:type )?casts?)\b"),
    _r("type-null", D.TypeErrors, MESSAGE, .60, "npe npes nullpointerexception null nonetype nil undefined of",
       r"\b(?:NPEs?|NullPointerException|null ?pointers?(?: exceptions?)?|null[- ]?dereferences?|NoneType|nil (?:pointer|dereference|panic)|undefined is not|null reference|of (?:undefined|null)\b)",
       f"{JVM} {JS} python go ruby php csharp swift dart"),
    _r("type-cast", D.TypeErrors, MESSAGE, .40, "wrong bad unsafe missing incorrect invalid cast casts casting integer implicit type numeric signed signedness",
       r"\b(?:(?:wrong|bad|unsafe|missing|incorrect|invalid) casts?|cast(?:s|ing)? (?:to|from|error|failure)|integer (?:overflow|truncation)|(?:implicit|type|numeric) conversions?|signed(?:ness)? (?:mismatch|comparison))\b"),
    _r("type-number", D.TypeErrors, PAIR, .45, "int long short float double unsigned signed size_t ssize_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t int32 int64 uint32 uint64 "
       "i8 i16 i32 i64 u8 u16 u32 u64 usize isize f32 f64 Integer Long Double as", rf"\(\s*{NUMBERS}\s*\)|\bas {NUMBERS}|{NUMBERS}\(?|\)", f"{C} {JVM} rust go csharp zig swift", rf"{NUMBERS}"),
    _r("type-reinterpret", D.TypeErrors, ADDED, .30, "reinterpret_cast const_cast dynamic_cast", r"\b(?:reinterpret|const|dynamic)_cast<", "cpp"),
    _r("type-caught", D.TypeErrors, ADDED, .45, "TypeError ClassCastException NullPointerException", r"\bexcept \(?[\w, ]*\bTypeError\b|\bcatch \((?:final )?(?:ClassCast|NullPointer)Exception\b", f"python {JVM}"),
    _r("type-guard", D.TypeErrors, ADDED, .20, "isinstance instanceof is·None is·not·None =·null =·nil =·undefined typeof",
       r"\bif\b.*(?:\bisinstance\(|\bis (?:not )?None\b|[!=]==? ?(?:null|nil|undefined)\b|\binstanceof\b|\btypeof )", f"python {JVM} {JS} go csharp dart"),
    _r("type-text", D.TypeErrors, PAIR, .40, "decode encode str bytes b utf utf8 8 16 ascii latin1 String", r"\.(?:en|de)code\((?:[\"'][\w-]*[\"'])?\)|\bstr\(|\bbytes\(|\bString\(|\)|\bb(?=[\"'])", f"python {JS}"),

    # -- ConcurrencyBugs ----------------------------------------------------------------------------
    _r("race-named", D.ConcurrencyBugs, MESSAGE, .75, "race races data deadlock dead livelock concurrentmodificationexception",
       r"\b(?:(?:data )?race[- ]conditions?|data races?|deadlock(?:s|ed|ing)?|dead locks?|livelocks?|ConcurrentModificationException)\b"),
    _r("race-word", D.ConcurrencyBugs, MESSAGE, .50, "race races racy racing", r"(?<!-)\b(?:races?|racy|racing)\b(?! detector)"),
    _r("race-threads", D.ConcurrencyBugs, MESSAGE, .60, "thread threads synchronization not unsynchronized mutex atomic atomically",
       r"\b(?:thread[- ]?(?:un)?safe(?:ty|ly)?|(?:not |un)synchroni[sz]ed|not (?:properly )?(?:thread[- ]?safe|atomic)|synchroni[sz]ation|mutex(?:es)?|atomically|atomicity|atomic operations?)\b"),
    _r("race-concurrent", D.ConcurrencyBugs, MESSAGE, .45, "concurrent concurrently concurrency multithreaded multi in", r"\b(?:concurren(?:t|tly|cy)|multi-?thread(?:ed|ing)|in parallel)\b"),
    _r("race-locking", D.ConcurrencyBugs, MESSAGE, .35, "locking read write spin global shared exclusive readlock writelock acquire acquires acquiring release releases holds hold goroutine thread missing unawaited",
       r"\b(?:locking|(?:read|write|spin|global|shared|exclusive) ?locks?|(?:acquir|releas|hold)(?:e[sd]?|ing) (?:the |a )?\w* ?locks?|goroutines?|threads?|missing await|unawaited)\b"),
    _r("race-await", D.ConcurrencyBugs, PAIR, .50, "await async", r"\b(?:await|async)\s|\.await\b", f"{JS} python csharp rust dart swift kotlin"),
    _r("race-java", D.ConcurrencyBugs, CHANGED, .35, "synchronized ReentrantLock ReadWriteLock ReentrantReadWriteLock AtomicInteger AtomicLong AtomicReference AtomicBoolean ConcurrentHashMap CountDownLatch "
       "volatile notifyAll ExecutorService CompletableFuture", r"\bsynchronized\b|\b(?:Reentrant|ReadWrite|ReentrantReadWrite)Lock\b|\bAtomic(?:Integer|Long|Reference|Boolean)\b|\bnew ConcurrentHashMap\b|\bCountDownLatch\b"
       r"|\bvolatile\b|\bnotifyAll\(|\bExecutorService\b|\bCompletableFuture\b", JVM),
    _r("race-sleep", D.ConcurrencyBugs, ADDED, .30, "Thread sleep", r"\bThread\.sleep\(", JVM),
    _r("race-go", D.ConcurrencyBugs, CHANGED, .35, "sync Lock RLock Unlock RUnlock atomic chan go·func", r"\bsync\.(?:Mutex|RWMutex|WaitGroup|Once|Map|Pool)\b|\.R?(?:Unl|L)ock\(\)|\batomic\.\w|\bmake\(chan\b|\bgo func\(", "go"),
    _r("race-rust", D.ConcurrencyBugs, CHANGED, .35, "Mutex RwLock AtomicBool AtomicUsize AtomicU64 thread Ordering tokio rayon Condvar mpsc",
       r"\b(?:Mutex|RwLock|Condvar)(?:<|::)|\bAtomic(?:Bool|Usize|U64)\b|\bthread::(?:spawn|scope)|\bOrdering::(?:Relaxed|SeqCst|Acquire|Release|AcqRel)|\btokio::(?:spawn|select|sync)|\brayon::|\bmpsc::", "rust"),
    _r("race-python", D.ConcurrencyBugs, CHANGED, .35, "threading Lock RLock asyncio multiprocessing ThreadPoolExecutor create_task run_in_executor acquire",
       r"\bthreading\.\w|\bR?Lock\(\)|\basyncio\.(?:gather|create_task|Lock|Event|wait|ensure_future|Queue)|\bmultiprocessing\.\w|\bThreadPoolExecutor\(|\bcreate_task\(|\brun_in_executor\(|\.acquire\(", "python"),
    _r("race-c", D.ConcurrencyBugs, CHANGED, .35, "pthread_mutex_lock pthread_mutex_unlock pthread_create pthread_join pthread_cond_wait mutex lock_guard unique_lock atomic atomic_load atomic_store spin_lock spin_unlock mutex_lock mutex_unlock",
       r"\bpthread_(?:mutex_\w+|create|join|cond_wait)\(|\bstd::(?:recursive_)?mutex\b|\b(?:lock_guard|unique_lock)<|\bstd::atomic\b|\batomic_(?:load|store)\w*\(|\b(?:spin|mutex)_(?:un)?lock\(", C),
    _r("race-javascript", D.ConcurrencyBugs, CHANGED, .30, "Promise Atomics SharedArrayBuffer worker_threads", r"\bPromise\.(?:all|race|any|allSettled)\(|\bAtomics\.|\bSharedArrayBuffer\b|\bworker_threads\b", JS),

    # -- SecurityVulnerabilities ----------------------------------------------------------------------
    _r("security-cve", D.SecurityVulnerabilities, MESSAGE, .80, "cve ghsa", r"\bCVE-\d{4}-\d+\b|\bGHSA-[\w-]+"),
    _r("security-attack", D.SecurityVulnerabilities, MESSAGE, .75, "sql command code shell html header log ldap template crlf argument auth authentication xss csrf ssrf xxe redos path directory zip zipslip open prototype privilege timing cross bypass denial",
       r"\b(?:(?:sql|command|code|shell|html|header|log|ldap|template|crlf|argument) injections?|XSS|CSRF|XSRF|SSRF|XXE|ReDoS|(?:path|directory) traversal|zip-?slip|open redirects?|prototype pollution"
       r"|privilege escalation|timing attacks?|cross[- ]site|auth\w* bypass|denial[- ]of[- ]service)\b"),
    _r("security-word", D.SecurityVulnerabilities, MESSAGE, .60, "vulnerable security insecure exploit information credential password token secret malicious untrusted attacker arbitrary remote code",
       r"\b(?:vulnerab(?:le|ility|ilities)|security (?:issues?|fix(?:es)?|holes?|bugs?|patch(?:es)?|advisor(?:y|ies)|flaws?|problems?|risks?)|security(?=[\]:])|(?:arbitrary |remote )?code execution|arbitrary code|insecure|exploit(?:s|able)?"
       r"|(?:information|credential|password|token|secret) (?:leak\w*|disclosure|exposure)|malicious|untrusted|attackers?)\b"),
    _r("security-sanitise", D.SecurityVulnerabilities, MESSAGE, .35, "sanitize html authorization permission password encrypt",
       r"(?<!address )(?<!memory )(?<!thread )\b(?:saniti[sz](?:e[ds]?|ing|ation)|html[- ]escap\w+|authori[sz]ation|permission checks?|passwords?|encrypt(?:s|ed|ing|ion)?)\b"),
    _r("security-shell", D.SecurityVulnerabilities, ADDED, .55, "shell", r"\bshell\s*=\s*True\b", "python"),
    _r("security-tls", D.SecurityVulnerabilities, ADDED, .60, "verify InsecureSkipVerify rejectUnauthorized NODE_TLS_REJECT_UNAUTHORIZED _create_unverified_context CURLOPT_SSL_VERIFYPEER check_hostname",
       r"\bverify\s*=\s*False\b|\bInsecureSkipVerify:\s*true|\brejectUnauthorized:\s*false|\bNODE_TLS_REJECT_UNAUTHORIZED\b|\b_create_unverified_context\b|\bCURLOPT_SSL_VERIFYPEER,\s*(?:0|false)|\bcheck_hostname\s*=\s*False"),
    _r("security-eval", D.SecurityVulnerabilities, ADDED, .50, "eval exec Function", r"(?<![\w.$>:])(?:eval|exec)\(|\bnew Function\(", f"python {JS} php ruby"),
    _r("security-eval-gone", D.SecurityVulnerabilities, DELETED, .30, "eval shell verify", r"(?<![\w.$>:])eval\(|\bshell\s*=\s*True\b|\bverify\s*=\s*False\b", f"python {JS} php ruby"),
    _r("security-spawn", D.SecurityVulnerabilities, ADDED, .40, "system popen child_process execSync getRuntime shell_exec ProcessBuilder",
       r"\bos\.(?:system|popen)\(|\bchild_process\b.*\bexec|\bexecSync\(|\bgetRuntime\(\)\.exec\(|\bshell_exec\(|(?<![\w.:>])(?:system|popen)\(", f"python {JS} {JVM} php ruby perl {C}"),
    _r("security-deserialise", D.SecurityVulnerabilities, ADDED, .45, "pickle yaml marshal ObjectInputStream unserialize",
       r"\bpickle\.loads?\(|\byaml\.load\((?!.*Safe)|\bmarshal\.loads?\(|\bnew ObjectInputStream\(|(?<![\w.>])unserialize\(", f"python {JVM} php"),
    _r("security-sql", D.SecurityVulnerabilities, ADDED, .50, "SELECT INSERT UPDATE DELETE select insert update delete",
       r"(?i:[\"'](?:select\b[^\"']*\bfrom|insert into|update\b[^\"']*\bset|delete from)\b[^\"']*[\"']?[^\"']*(?:[\"'] ?(?:\+|%(?! ?\()|\.format\(|\. ?\$)))"
       r"|(?i:\b[f`][\"']{0,3}(?:select\b.*\bfrom|insert into|update\b.*\bset|delete from)\b.*\{\w)|(?i:`(?:select|insert into|update|delete from)\b[^`]*\$\{)"),
    _r("security-html", D.SecurityVulnerabilities, ADDED, .40, "innerHTML dangerouslySetInnerHTML document v-html mark_safe html_safe Markup safe",
       r"\.innerHTML\s*\+?=|\bdangerouslySetInnerHTML\b|\bdocument\.write\(|\bv-html=|\b(?:mark_safe|Markup)\(|\.html_safe\b|\|\s*safe\s*\}\}", f"{JS} python ruby php"),
    _r("security-hash", D.SecurityVulnerabilities, ADDED, .35, "md5 MD5 sha1 SHA1 DES RC4 createHash", r"\bhashlib\.(?:md5|sha1)\(|\bgetInstance\(\"(?:MD5|SHA-?1|DES|RC4)\b|\bcreateHash\(['\"](?:md5|sha1)|(?<![\w.])md5\(|\bmd5\.(?:New|Sum)\("),
    _r("security-secret", D.SecurityVulnerabilities, ADDED, .40, "password passwd secret api_key apikey API_KEY SECRET_KEY PASSWORD access_token apiKey",
       r"(?i:\b(?:password|passwd|secret(?:_key)?|api_?key|access_token))\b[\"']?\s*(?::=|=|:)\s*[\"'](?!%|\$|\{|<)[^\s\"'{}<>()]{6,}[\"']"),
    _r("security-mode", D.SecurityVulnerabilities, ADDED, .45, "chmod mktemp umask os.Chmod Chmod", r"\bchmod\b.{0,60}\b0?o?777\b|\bChmod\(.{0,60}\b0?o?777\b|\btempfile\.mktemp\(|\bumask\(0\)"),
    _r("security-request", D.SecurityVulnerabilities, ADDED, .30, "_GET _POST _REQUEST DocumentBuilderFactory XMLInputFactory", r"\$_(?:GET|POST|REQUEST)\b|\b(?:DocumentBuilder|XMLInput)Factory\.new", f"php {JVM}"),

    # -- MemorySafety -------------------------------------------------------------------------------
    _r("memory-named", D.MemorySafety, MESSAGE, .75, "use using double buffer heap stack memory dangling",
       r"\b(?:us(?:e|ing)[- ]after[- ]free|us(?:e|ing) freed memory|double[- ]free|(?:buffer|heap|stack)[- ](?:based )?(?:buffer[- ])?(?:over|under)(?:flow|run|read)s?|buffer over-?reads?|memory corruption|dangling (?:pointer|reference)s?)\b", f"{C} zig rust fortran"),
    _r("memory-invalid", D.MemorySafety, MESSAGE, .60, "invalid illegal uninitialized null out reading writing accessing read write access",
       r"\b(?:(?:invalid|illegal|uninitiali[sz]ed) (?:memory|read|write|access|pointer|value|variable)s?(?: access| read)?|uninitiali[sz]ed|null[- ]?pointers?|null[- ]?deref\w*|out[- ]of[- ]bounds"
       r"|(?:read|writ|access)(?:ing|e)? (?:past|beyond|before) (?:the )?(?:end|start|begin\w*|bounds?|buffer))\b", f"{C} zig fortran"),
    _r("memory-crash", D.MemorySafety, MESSAGE, .45, "segfault segfaults segv sigsegv segmentation valgrind asan ubsan address coverity", r"\b(?:segfault(?:s|ed|ing)?|segv|sigsegv|segmentation (?:fault|violation)|valgrind|asan|ubsan|addresssanitizer|address sanitizer)\b", f"{C} zig rust"),
    _r("memory-crashing", D.MemorySafety, MESSAGE, .30, "crash crashes crashed crashing", r"\bcrash(?:es|ed|ing)?\b", f"{C} zig"),
    _r("memory-copy", D.MemorySafety, ADDED, .30, "memcpy memmove strcpy strcat sprintf vsprintf strncpy strncat gets alloca mch_memmove STRCPY STRCAT",
       r"\b(?:mem(?:cpy|move)|mch_memmove|str(?:cpy|cat|ncpy|ncat)|STR(?:CPY|CAT)|v?sprintf|gets|alloca)\s*\(", C),
    _r("memory-heap", D.MemorySafety, CHANGED, .30, "free malloc realloc calloc vim_free kfree kmalloc g_free xfree",
       r"\b(?:free|malloc|realloc|calloc|vim_free|kfree|kmalloc|g_free|xfree)\s*\(", C),
    _r("memory-delete", D.MemorySafety, CHANGED, .30, "delete", r"(?:^|[;{}]\s*|\s)delete(?:\s*\[\s*\])?\s+\w", "cpp"),
    _r("memory-pointer", D.MemorySafety, CHANGED, .25, "++ reinterpret_cast", r"(?<![\w)])\*\w+\+\+\s*=|\breinterpret_cast<", C),
    _r("memory-unsafe", D.MemorySafety, CHANGED, .45, "unsafe", r"\bunsafe\s*\{|\bunsafe (?:fn|impl|extern)\b", "rust"),
    _r("memory-raw", D.MemorySafety, CHANGED, .40, "transmute from_raw from_raw_parts get_unchecked MaybeUninit set_len from_utf8_unchecked as_ptr *const *mut",
       r"\btransmute\b|\bfrom_raw(?:_parts)?(?:_mut)?\(|\bget_unchecked\b|\bMaybeUninit\b|\.set_len\(|\bfrom_utf8_unchecked\b|\.as_ptr\(\)|\*(?:const|mut) \w", "rust"),
    _r("memory-zig", D.MemorySafety, CHANGED, .35, "ptrCast intToPtr ptrFromInt alignCast", r"@(?:ptrCast|intToPtr|ptrFromInt|alignCast)\b", "zig"),
    _r("memory-fortran", D.MemorySafety, CHANGED, .30, "allocate deallocate ALLOCATE DEALLOCATE", r"(?i:\b(?:de)?allocate\s*\()", "fortran"),

    # -- ComprehensionBugs --------------------------------------------------------------------------
    _r("comprehension-named", D.ComprehensionBugs, MESSAGE, .65, "comprehension comprehensions generator", r"\bcomprehensions?\b|\bgenerator expressions?\b"),
    _r("comprehension-nested", D.ComprehensionBugs, CHANGED, .40, "·for·", r"[\[({](?:[^\[\]]*\W)?for .+? in .+?\Wfor .+? in ", "python julia"),
    _r("comprehension-pair", D.ComprehensionBugs, PAIR, .45, "if not and or is in None", r"\bif (?=\w+\s*[\])}])[\w.]+|\bnot |\bis (?:not )?None\b|\bif \w[\w. ]*(?=[\])}])", "python julia", r"[\[({].*\bfor\b.+\bin\b"),
    _r("comprehension-filter", D.ComprehensionBugs, ADDED, .25, "·for·", r"[\[{(][^\[\]{}]*\W?for [\w, ()]+ in .+ if (?:not )?.+[\]})]", "python julia"),
    _r("comprehension-arrow", D.ComprehensionBugs, CHANGED, .35, "<-", r"\[[^\[\]|]+\|\|? *[\w(,) ]+ ?<- |\bfor +\{? ?\w+ +<- ", "haskell erlang elixir scala"),

    # -- TraitBounds --------------------------------------------------------------------------------
    _r("bounds-named", D.TraitBounds, MESSAGE, .60, "trait where send sync sized clone copy debug static lifetime type generic orphan object dyn associated blanket",
       r"\b(?:trait bounds?|where[- ]clauses?|(?:send|sync|sized|clone|copy|debug|static|lifetime|type|generic|trait) bounds?|orphan rules?|object[- ]saf(?:e|ety)|dyn[- ]compatib\w+|associated types?|blanket impl\w*)\b", "rust"),
    _r("bounds-impl", D.TraitBounds, MESSAGE, .45, "impl implement implements derive", r"\b(?:impl(?:ement)?s?|derives?) (?:the )?`?(?-i:Send|Sync|Clone|Copy|Debug|Display|Default|Eq|PartialEq|Ord|Hash|Iterator|From|Into|Error|Read|Write|Trait)\b", "rust"),
    _r("bounds-where", D.TraitBounds, CHANGED, .35, "where", r"^\s*where\b|\)\s*(?:->\s*[^{]+)?\bwhere\s+\w+:", "rust"),
    _r("bounds-generic", D.TraitBounds, CHANGED, .30, "impl< <T: <P: <F: <W: <R: <I: <S: <M: <A: <K: <E: <B: <'a,", r"\b(?:impl|fn \w+|struct \w+|enum \w+|trait \w+)\s*<[^>]*\b[A-Z]\w*:\s*(?:'\w+|\??[A-Z]\w*)", "rust"),
    _r("bounds-impl-trait", D.TraitBounds, CHANGED, .30, "dyn >·impl :·impl", r"(?:->|:|&(?:mut )?)\s*(?:impl|Box<dyn|dyn)\s+[A-Z][\w:]*(?:<[^>]*>)?\s*\+", "rust"),
    _r("bounds-marker", D.TraitBounds, CHANGED, .40, "Sized PhantomData HRTB unsafe·impl impl·Send impl·Sync", r"\?Sized\b|\bPhantomData\b|\bimpl(?:<[^>]*>)? !?(?:Send|Sync) for\b", "rust"),

    # -- OperatorPrecedence -------------------------------------------------------------------------
    _r("precedence-named", D.OperatorPrecedence, MESSAGE, .65, "operator precedence missing wrong misplaced parenthesize associativity order binds bind",
       r"\b(?:operator[- ]precedence|precedence of (?:the )?(?:\w+ )?operators?|(?:missing|wrong|misplaced) (?:parenthes[ie]s|parens)|parenthesi[sz]e[ds]?|associativity|order of operations|binds? (?:tighter|looser))\b"),
    _r("precedence-pair", D.OperatorPrecedence, PAIR, .55, "", r"[()]", f"{C} {JVM} {JS} python go rust csharp ruby php swift perl",
       r"^(?=.*(?:(?:&&|\|\||\band\b|\bor\b|\bnot\b|[-+*/%&|^!])\s*\(|\)\s*(?:&&|\|\||\band\b|\bor\b|[-+*/%&|^])))"
       r".*(?:(?:&&|\|\||\band\b|\bor\b|[^&]&[^&]|[^|]\|[^|]|<<|>>|\bnot\b).*(?:&&|\|\||\band\b|\bor\b|[=!<>]=|[-+*/%&|]|\bin\b)|[-+] .*[*/%] |[*/%] .*[-+] )"),
    _r("precedence-mixed", D.OperatorPrecedence, ADDED, .30, "||", r"^(?=.*&&.*\|\||.*\|\|.*&&).*?(?:^|[(=,]|\breturn\b|\bif\b)(?:[^()&|]|\([^()]*\)|(?<!&)&(?!&)|\w\(\))*(?:&&(?:[^()&|]|\([^()]*\))*\|\||\|\|(?:[^()&|]|\([^()]*\))*&&)", f"{C} {JVM} {JS} csharp php"),
    _r("precedence-words", D.OperatorPrecedence, ADDED, .30, "·or·", r"\band\b(?:[^()]|\([^()]*\))*\bor\b|\bor\b(?:[^()]|\([^()]*\))*\band\b", "python ruby perl"),
    _r("precedence-bits", D.OperatorPrecedence, ADDED, .40, "·&· ·|·", r"^(?=.*[!=]=).*?(?:^|[^&\w)\s])\s*\w+ ?(?:&(?!&)|\|(?!\|)) ?\w+ *[!=]=|[!=]= *\w+ ?(?:&(?!&)|\|(?!\|)) ?\w", f"c objc {JS} php"),
    _r("precedence-shift", D.OperatorPrecedence, ADDED, .30, "<<", r"(?<!<)\b\w+ *<< *\w+ *[-+] *\w", f"c java {JS} csharp"),
    _r("precedence-not", D.OperatorPrecedence, ADDED, .45, "!", r"\(\s*!\w+ (?:in|instanceof) \w|[(&|]\s*!\w+ *===? *\w", JS),

    # -- TypeAnnotationGaps ---------------------------------------------------------------------------
    _r("annotation-named", D.TypeAnnotationGaps, MESSAGE, .60, "type typehints typing typings mypy pyright phpstan untyped sorbet typescript",
       r"\b(?:type[- ]?(?:hint(?:s|ing)?|annotations?)|typings?|mypy|pyright|phpstan|untyped|typescript (?:types|definitions?)|sorbet)\b"),
    _r("annotation-ignore", D.TypeAnnotationGaps, CHANGED, .45, "ignore noqa", r"#\s*(?:type|pyright|mypy):\s*ignore", "python", comments=True),
    _r("annotation-ts", D.TypeAnnotationGaps, CHANGED, .50, "ts-ignore ts-expect-error ts-nocheck", r"@ts-(?:ignore|expect-error|nocheck)\b", JS, comments=True),
    _r("annotation-any", D.TypeAnnotationGaps, CHANGED, .40, "any unknown", r"\bas any\b|\bas unknown as\b|[\w)\]?]:\s*any\b|<any>|\bany\[\]", "typescript"),
    _r("annotation-python", D.TypeAnnotationGaps, CHANGED, .30, "Any cast TYPE_CHECKING overload TypeVar", r"(?::|->|\[|,)\s*(?:t\.|typing\.)?Any\b|\b(?:t|typing)\.cast\(|\bTYPE_CHECKING\b|@(?:t\.|typing\.)?overload\b|\bTypeVar\(", "python"),
    _r("annotation-unchecked", D.TypeAnnotationGaps, ADDED, .40, "unchecked rawtypes", r"@SuppressWarnings\(.*\"(?:unchecked|rawtypes)\"", "java groovy"),
    _r("annotation-mixed", D.TypeAnnotationGaps, CHANGED, .35, "mixed untyped dynamic", r"@(?:var|param|return) mixed\b|\bT\.untyped\b|\bdynamic \w", "php ruby dart", comments=True),
    _r("annotation-infer", D.TypeAnnotationGaps, CHANGED, .25, "::<_ ::<Vec<_ Vec<_", r"::<(?:_|Vec<_)[>,]|: Vec<_>", "rust"),
    _r("annotation-stub", D.TypeAnnotationGaps, PATH, .45, "", r"\.pyi$|\.d\.ts$|(?:^|/)py\.typed$"),

    # -- IteratorChain ------------------------------------------------------------------------------
    _r("iterator-named", D.IteratorChain, MESSAGE, .45, "iterator itertools java stream streams lazy", r"\biterators?\b|\bitertools\b|\b(?:java )?stream(?:s api| api| pipelines?| collectors?)\b|\blazy (?:evaluation|sequences?|iteration)\b"),
    _r("iterator-rust", D.IteratorChain, CHANGED, .35, "iter into_iter iter_mut chars bytes drain",
       r"\.(?:iter|into_iter|iter_mut|chars|bytes|drain)\([^()]*\)(?:\.\w+\([^()]*\))*\.(?:map|filter|filter_map|flat_map|zip|fold|rev|skip|take|skip_while|take_while|enumerate|peekable|chain|step_by|windows|scan)\(", "rust"),
    _r("iterator-step", D.IteratorChain, CHANGED, .25, "filter_map flat_map take_while skip_while fold zip rev peekable enumerate", r"^\s*\.(?:filter_map|flat_map|take_while|skip_while|fold|zip|rev|peekable|enumerate)\(", "rust"),
    _r("iterator-java", D.IteratorChain, CHANGED, .35, "stream parallelStream Collectors flatMap asSequence", r"\.(?:stream|parallelStream|asSequence)\(\)|\bCollectors\.\w|\.flatMap\(", JVM),
    _r("iterator-javascript", D.IteratorChain, CHANGED, .35, "map filter reduce flatMap", r"\.(?:map|filter|reduce|flatMap)\(.*\)\s*\.(?:map|filter|reduce|forEach|some|every|flatMap|find)\(", JS),
    _r("iterator-python", D.IteratorChain, CHANGED, .35, "itertools islice groupby reduce takewhile zip_longest map filter", r"\bitertools\.\w|\b(?:islice|groupby|takewhile|zip_longest)\(|\b(?:map|filter|zip)\((?:lambda|[\w.]+), *(?:map|filter|zip|reversed)\(", "python"),
    _r("iterator-other", D.IteratorChain, CHANGED, .30, "Select Where map select filter reject each_with_index flatMap compactMap reduce GroupBy",
       r"\.(?:Select|Where|GroupBy)\(.*\)\s*\.(?:Select|Where|ToList|GroupBy|OrderBy)\(|\.(?:map|select|filter|reject|compactMap|each_with_index)\b.*[})]\s*\.(?:map|select|filter|reject|reduce|compactMap|flatMap|sum)\b", "csharp ruby swift dart"),

    # -- ConfigurationErrors --------------------------------------------------------------------------
    _r("config-named", D.ConfigurationErrors, MESSAGE, .45, "misconfigured environment env missing wrong invalid broken default bad", r"\bmisconfigur\w+|\b(?:environment|env) var(?:iable)?s?\b|\b(?:missing|wrong|invalid|broken|default|bad) (?:config(?:uration)?|settings?)\b"),
    _r("config-word", D.ConfigurationErrors, MESSAGE, .30, "config configs configuration configurable settings", r"\b(?:config(?:s|uration|urations|urable)?|settings)\b"),
    _r("config-build", D.ConfigurationErrors, MESSAGE, .40, "ci travis github circleci jenkins appveyor makefile cmake dockerfile docker build broken fix cirrus", r"(?<![\w/-])(?-i:CI)\b(?!:)|(?<!\w)(?-i:ci)(?=:|\()|\b(?:travis|github actions?|circleci|jenkins|appveyor|cirrus|makefiles?|cmake|dockerfile|docker image)\b|\bbuild (?:script|system|fail(?:s|ed|ure|ures)|errors?|broken)\b|\b(?:broken|fix) build\b"),
    _r("config-pipeline", D.ConfigurationErrors, PATH, .60, "", r"^(?:\.github/(?:workflows|actions)/|\.circleci/|\.travis\.yml$|\.gitlab-ci\.yml$|\.?appveyor\.yml$|\.cirrus\.yml$|azure-pipelines\.yml$|Jenkinsfile$|ci/|\.github/dependabot\.yml$)"),
    _r("config-file", D.ConfigurationErrors, PATH, .45, "", r"\.(?:ya?ml|ini|cfg|conf|properties|env|tf|mk|cmake)$|(?i:(?:^|/)(?:dockerfile|makefile|cmakelists\.txt|configure\.ac|make_\w+\.mak|vagrantfile|\.eslintrc[.\w]*|tsconfig\.json|rustfmt\.toml|tox\.ini)$)"),
    _r("config-env", D.ConfigurationErrors, CHANGED, .30, "environ getenv env getProperty Getenv LookupEnv GetEnvironmentVariable mch_getenv", r"\bos\.environ\b|\b(?:mch_)?getenv\(|\bprocess\.env\b|\benv::var(?:_os)?\(|\bSystem\.get(?:Property|env)\(|\bos\.(?:Getenv|LookupEnv)\(|\bGetEnvironmentVariable\("),

    # -- IntegrationFailures --------------------------------------------------------------------------
    _r("integration-named", D.IntegrationFailures, MESSAGE, .50, "backward incompatible incompatibility compatible compatibility interop integration handshake rolling database data schema webhook grpc protocol wire",
       r"\b(?:backwards?[- ]?(?:in)?compatib\w+|incompatib(?:le|ility) (?:with|between)|compatib(?:le|ility) with|interop(?:erability)?|integration (?:with|fail\w*|problem)s?|handshake|rolling upgrades?|(?:database|schema|data) migrations?|schema (?:change|version|mismatch)s?"
       r"|webhooks?|gRPC|protocol (?:version|error|mismatch|change)s?|wire (?:format|protocol))\b"),
    _r("integration-bump", D.IntegrationFailures, MESSAGE, .45, "bump upgrade update pin deps",
       r"\b(?:bump|upgrade|update)(?:s|d|ed)? (?:[\w@/.-]+ )?(?:from \S+ )?to (?:version )?v?\d|\b(?:bump|upgrade|update|pin)(?:s|d|ed)? (?:\w+ )?(?:deps|dependenc(?:y|ies))\b|\bdeps(?:\(|:)"),
    _r("integration-place", D.IntegrationFailures, PATH, .50, "", r"(?:^|/)migrations?/[^/]+\.\w+$|\.(?:proto|graphqls?|thrift|avsc|xsd|wsdl)$|(?:^|/)(?:openapi|swagger)[\w.-]*\.(?:ya?ml|json)$"),
    _r("integration-http", D.IntegrationFailures, CHANGED, .30, "requests urlopen http axios fetch RestTemplate HttpClient WebClient grpc XMLHttpRequest httpx reqwest aiohttp",
       r"\b(?:requests|httpx)\.(?:get|post|put|patch|delete|request|Session)\(|\burlopen\(|\bhttp\.(?:Get|Post|NewRequest)\w*\(|\baxios[.(]|(?<![\w.])fetch\(|\b(?:RestTemplate|HttpClient|WebClient|XMLHttpRequest)\b|\bgrpc\.\w|\breqwest::|\baiohttp\."),
    _r("integration-schema", D.IntegrationFailures, CHANGED, .35, "ALTER CREATE alter create add_column addColumn alter_column AddField AlterField JsonProperty SerializedName",
       r"(?i:\b(?:alter|create) table\b)|\b(?:add|alter|drop)_column\b|\baddColumn\(|\bmigrations\.(?:AddField|AlterField|RemoveField)\(|@(?:JsonProperty|SerializedName)\b"),
    _r("integration-version", D.IntegrationFailures, ADDED, .40, "\"· \": == >= ·v <version>", r"^\s*\"(?!version\"|node\"|npm\")[@\w][\w@/.-]*\": \"[\^~>=]*\d+\.[\w.-]+\"|^(?:require )?\s*[\w.-]+\.\w+/[\w./-]+ v\d[\w.-]*"
       r"|^(?!version|edition|rust-version)\w[\w-]* = (?:\"[\^~=]?\d[\w.]*\"|\{ ?version = \"[^\"]+\"(?!.*\bpath =))|^\w[\w.\[\]-]* ?[=~><]=[ \w.]+|<version>[^<]+</version>", MANIFEST),

    # -- PerformanceIssues --------------------------------------------------------------------------
    _r("performance-named", D.PerformanceIssues, MESSAGE, .55, "perf performance slow slower slowness slows speed speeds faster latency throughput bottleneck inefficient quadratic hot n o",
       r"\b(?:perf(?:ormance)?|slow(?:s|er|ness|ly|down|ed)?|speed(?:s|ed|ing)?[- ]?ups?|speed(?:s|ed)? (?:up|of)|faster|latency|throughput|bottlenecks?|inefficien(?:t|cy|tly)|quadratic|hot (?:path|loop)s?|N\+1)\b|\bO\(n(?:\^|\*\*| log)"),
    _r("performance-optimise", D.PerformanceIssues, MESSAGE, .45, "optimize optimise memory needless unnecessary redundant",
       r"\boptimi[sz](?:e[ds]?|ing|ations?)\b(?! (?:imports?|images?))|\bmemory (?:usage|consumption|footprint)\b|\b(?:needless|unnecessary|redundant) (?:allocations?|cop(?:y|ies)|clones?|lookups?|quer(?:y|ies)|work|computations?)\b"),
    _r("performance-cache", D.PerformanceIssues, MESSAGE, .30, "cache caches cached caching memoize memoise memoization timeout timeouts timed", r"\b(?:cach(?:e[ds]?|ing)|memoi[sz](?:e[ds]?|ation)|time-?outs?|timed out)\b"),
    _r("performance-queries", D.PerformanceIssues, ADDED, .45, "execute query findById find_by fetchone objects getOne save find findOne",
       r"\b(?:for|while|forEach|each)\b[^\n]*\n(?:[+ ][^\n]*\n){0,3}[+][^\n]*(?:\.(?:execute|query|findById|find_by|fetchone|getOne|findOne)\(|\.objects\.(?:get|filter)\()", back=4),
    _r("performance-cached", D.PerformanceIssues, CHANGED, .35, "lru_cache cached_property cache memoize useMemo Cacheable LoadingCache memoized", r"@(?:functools\.)?(?:lru_cache|cache)\b|\bcached_property\b|\bmemoized?\(|\buseMemo\(|@Cacheable\b|\bLoadingCache\b"),
    _r("performance-alloc", D.PerformanceIssues, CHANGED, .35, "with_capacity reserve inline ensureCapacity BufWriter", r"\bwith_capacity\(|\.reserve\(|#\[inline(?:\(\w+\))?\]|\.ensureCapacity\(|\bBufWriter::(?:new|with_capacity)\("),
    _r("performance-sleep", D.PerformanceIssues, ADDED, .25, "sleep", r"\btime\.[sS]leep\(|\bthread::sleep\(", "python go rust"),

    # -- ApiMisuse ----------------------------------------------------------------------------------
    _r("api-named", D.ApiMisuse, MESSAGE, .55, "wrong incorrect incorrectly swapped bad missing misuse argument must return error errors unchecked",
       r"\b(?:(?:wrong|incorrect|swapped|bad|missing) (?:arguments?|parameters?|params?|usage|api|order of (?:arguments|parameters)|function (?:call|name)|method (?:call|name)|call)|misus(?:e[ds]?|ing)|incorrect(?:ly)? (?:use|call)[ds]?|wrong use"
       r"|argument order|missing call to|must be called (?:before|after)|(?:return value|error)s? (?:is |was |are |were )?(?:ignored|not checked|unchecked)|unchecked (?:return|error)s?)\b"),
    _r("api-deprecated", D.ApiMisuse, MESSAGE, .40, "deprecated deprecation deprecate deprecations", r"\bdeprecat(?:ed|ions?|es?|ing)\b"),
    _r("api-swapped", D.ApiMisuse, SWAP, .45, "", r"\w\(.*,.*\)"),
    _r("api-unwrap", D.ApiMisuse, ADDED, .20, "unwrap", r"\.unwrap\(\)", "rust"),
    _r("api-ignored-go", D.ApiMisuse, ADDED, .30, "_·= _·:=", r"^\s*(?:\w+, )?_ :?= (?!fmt\.)[\w.]+\(", "go"),
    _r("api-swallowed", D.ApiMisuse, ADDED, .40, "except catch rescue", r"^\s*except\s*:|\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}|\brescue\s*=>\s*_\b", f"python {JVM} {JS} csharp php ruby"),
    _r("api-pass", D.ApiMisuse, ADDED, .40, "pass", r"except(?: Exception| BaseException)?(?: as \w+)?:\n[+ ]\s*pass\b", "python", back=1),
    _r("api-marked", D.ApiMisuse, CHANGED, .35, "Deprecated deprecated DeprecationWarning Obsolete deprecate PendingDeprecationWarning", r"@Deprecated\b|@deprecated\b|\bDeprecationWarning\b|#\[deprecated\b|\[Obsolete\b|\bdeprecate\(|\"deprecation\"|// Deprecated:|\bdeprecate\.\w+\(", comments=True),
    _r("api-old-python", D.ApiMisuse, ADDED, .40, "utcnow get_event_loop warn pkg_resources imp getargspec", r"\bdatetime\.utcnow\(|\basyncio\.get_event_loop\(|\blog(?:ging|ger)?\.warn\(|\bpkg_resources\b|\bgetargspec\(", "python"),
    _r("api-old-javascript", D.ApiMisuse, CHANGED, .35, "Buffer substr componentWillMount escape __defineGetter__ __proto__", r"\bnew Buffer\(|\.substr\(|\bcomponentWillMount\b|(?<![\w.])unescape\(|\b__(?:defineGetter|proto)__\b", JS),
    _r("api-old-other", D.ApiMisuse, ADDED, .35, "ioutil strtok bzero gethostbyname usleep finalize Integer Long", r"\bioutil\.\w|\b(?:strtok|bzero|gethostbyname|usleep)\(|\bvoid finalize\(\)|\bnew (?:Integer|Long)\(", f"go {C} {JVM}"),
    _r("api-default", D.ApiMisuse, ADDED, .45, "=[] ={} =·[]) =·[], =·{}) =·{}, =dict() =list() =set()", r"\bdef \w+\(.*=\s*(?:\[\]|\{\}|dict\(\)|list\(\)|set\(\))", "python"),

    # -- ResourceLeaks ------------------------------------------------------------------------------
    _r("leak-named", D.ResourceLeaks, MESSAGE, .65, "leak leaks leaked leaking leakage", r"(?<!information )(?<!credential )(?<!password )(?<!token )(?<!secret )\bleak(?:s|ed|ing|age)?\b(?! into| through)"),
    _r("leak-close", D.ResourceLeaks, MESSAGE, .50, "not close closing never unclosed unreleased too file fd socket connection stream resourcewarning", r"\b(?:not (?:being |properly )?(?:closed|released|freed)|never (?:closed|released|freed)|unclosed|unreleased|too many open files|fd exhaustion|(?:file|fd|socket|connection|stream) exhaustion"
       r"|clos(?:e|es|ed|ing) (?:the |all |open )?(?:file(?: handle| descriptor)?|stream|connection|socket|handle|response body|descriptor)s?|ResourceWarning)\b"),
    _r("leak-memory", D.ResourceLeaks, MESSAGE, .45, "oom outofmemoryerror out", r"\b(?:(?-i:OOM)|OutOfMemoryError|out of memory)\b"),
    _r("leak-open", D.ResourceLeaks, ADDED, .45, "open", r"^\s*[\w.]+\s*=\s*(?:io\.|codecs\.|gzip\.|bz2\.)?open\(|(?<![\w.])open\([^()]*\)\.(?:read|write)\w*\(|\bin open\(", "python"),
    _r("leak-java", D.ResourceLeaks, ADDED, .35, "FileInputStream FileOutputStream FileReader FileWriter RandomAccessFile Socket ZipFile getConnection prepareStatement",
       r"^(?!.*\btry\s*\().*(?:\bnew (?:File(?:Input|Output)Stream|File(?:Reader|Writer)|RandomAccessFile|Socket|ZipFile)\(|\.getConnection\(|\.prepareStatement\()", JVM),
    _r("leak-unclosed", D.ResourceLeaks, DELETED, .40, "close Close fclose closesocket closeQuietly", r"\.(?:close|Close)\(\)|\b(?:fclose|closesocket|closeQuietly)\s*\("),
    _r("leak-closing", D.ResourceLeaks, ADDED, .30, "close Close fclose closesocket closeQuietly", r"\.(?:close|Close)\(\)|\b(?:fclose|closesocket|closeQuietly)\s*\("),
    _r("leak-unfreed", D.ResourceLeaks, DELETED, .35, "free vim_free kfree g_free xfree", r"\b(?:free|vim_free|kfree|g_free|xfree)\s*\(", C),
    _r("leak-c", D.ResourceLeaks, CHANGED, .30, "fopen mch_fopen opendir socket", r"\b(?:mch_)?fopen\s*\(|\bopendir\s*\(|(?<![\w.>])socket\s*\(", C),
    _r("leak-listener", D.ResourceLeaks, CHANGED, .30, "removeListener removeEventListener clearInterval setInterval removeAllListeners", r"\.remove(?:Event)?Listener\(|\bremoveAllListeners\(|\b(?:clear|set)Interval\(", JS),
    _r("leak-rust", D.ResourceLeaks, CHANGED, .40, "forget leak into_raw ManuallyDrop", r"\bmem::forget\(|\bBox::leak\(|\.into_raw\(\)|\binto_raw\(|\bManuallyDrop\b", "rust"),
    _r("leak-temporary", D.ResourceLeaks, ADDED, .40, "mkstemp mkdtemp NamedTemporaryFile", r"\bmk(?:s|d)temp\(|\bNamedTemporaryFile\(.*delete\s*=\s*False", f"python {C}"),

    # -- LogicErrors --------------------------------------------------------------------------------
    _r("logic-named", D.LogicErrors, MESSAGE, .70, "off inverted reversed flipped infinite endless logic logical fencepost fence sign",
       r"\b(?:off[- ]by[- ](?:one|1)|(?:inverted|reversed|flipped) (?:condition|logic|check|test|comparison)|(?:infinite|endless) (?:loop|recursion)s?|logic(?:al)? (?:errors?|bugs?)|fence-?post|sign error)\b"),
    _r("logic-wrong", D.LogicErrors, MESSAGE, .45, "wrong incorrect incorrectly correctly wrongly edge corner boundary",
       r"\b(?:(?:wrong|incorrect) (?:results?|values?|conditions?|output|order|counts?|index|offset|line|column|position|length|size|match(?:es)?|checks?|logic|behaviou?r|calculation|answers?)|(?:edge|corner|boundary)[- ](?:case|condition)s?"
       r"|(?:in)?correctly (?:handle|comput|calculat|count|match|report|treat|skip)\w*|wrongly)\b"),
    _r("logic-word", D.LogicErrors, MESSAGE, .30, "wrong incorrect incorrectly", r"\b(?:wrong|incorrect(?:ly)?)\b(?! (?:arguments?|param\w*|types?|casts?|parens?|parenthes\w+|usage|api|call|config\w*|settings?)\b)"),
    _r("logic-compare", D.LogicErrors, PAIR, .45, "", r"(?<![-=<>])[<>]=?(?![<>])|[!=]==?|=", "", r"(?:^|\W)(?:if|elif|while|for|when|until|unless|return|assert|case|and|or|else)\b|&&|\|\||\?"),
    _r("logic-connective", D.LogicErrors, PAIR, .50, "and or", r"&&|\|\||\b(?:and|or)\b", "", r"&&|\|\||\b(?:and|or)\b"),
    _r("logic-negation", D.LogicErrors, PAIR, .50, "not True False true false", r"!(?!=)|\bnot |[!=]=|\b(?:True|False|true|false)\b", "", r"(?:^|\W)(?:if|elif|while|unless|return|assert|and|or)\b|&&|\|\|"),
    _r("logic-one", D.LogicErrors, PAIR, .45, "1 0 2", r"(?<=[\w)\]])\s*[-+]\s*[12]\b|(?<!%\[)(?<![\w.'\"$%])[0-2]\b(?![.\w'\"])", "", r"[-+\[<>=]\s*[012]\b|\[|\brange\(|\bfor\b|\bif\b|\bwhile\b"),
)  # fmt: skip
