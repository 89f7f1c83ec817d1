"""Designs that tests share: small ones of every kind of element, written by hand."""

from __future__ import annotations

# A small whole answer: thinking and blueprint.
BOOK = """<thinking>
PROBLEM UNDERSTANDING:
- It must be clear what is known of a book.

STRATEGIC APPROACH:
- Keep each fact in one typed field.

DESIGN PREPARATION:
- Type: Book
- Constraint: every field has one plain type
</thinking>
<blueprint>
Type Book {
  title: string,
  copies: int
}
</blueprint>"""

LENDING = """Service Lending {
  description: "Lends books to readers and takes them back",
  dependencies: {
    store: LendingStore,
    mail: MailService found in `shared/mail.bp`
  },
  invariants: [a book has one open loan at most],
  methods: {
    lendBook(bookId: BookId, reader: Reader, days: int = 14) -> Loan {
      preconditions: [book is on the shelf, reader has fewer than 5 loans],
      postconditions: [loan is open, book is marked as lent],
      errors: [BookLent, TooManyLoans]
    },
    findLoans(reader: Reader, filter: map<string, string>) -> Loan[] {
      preconditions: [reader exists],
      postconditions: [returns open loans, oldest first],
      errors: []
    }
  }
}

Database LendingStore {
  Table Books {
    columns: {
      id: {type: UUID, primaryKey: true},
      title: {type: String, required: true, maxLength: 200},
      price: {type: Decimal, precision: 8, scale: 2, default: 0}
    },
    indexes: [{name: "idx_title", columns: ["title"]}]
  },
  Table Loans {
    columns: {
      id: {type: UUID, primaryKey: true},
      book_id: {type: UUID, foreignKey: "Books.id", required: true},
      state: {type: String, enum: ["open", "returned"], default: "open"},
      due: {type: Date}
    }
  },
  Relationships {
    BookHasLoans {
      from: "Books.id",
      to: "Loans.book_id",
      type: "oneToMany"
    }
  }
}

Type Loan {
  id: LoanId,
  book: BookId,
  reader: Reader,
  due: timestamp | null
}

Type Reader {
  name: string,
  tags: set<string>
}

Operation OpenLoan {
  type: "create",
  table: "Loans",
  data: {book_id: param.bookId, due: now() + param.days},
  postconditions: [loan exists]
}

Transaction Lend {
  operations: [
    {type: "check", condition: "book.state == 'free'", error: "BookLent"},
    {type: "create", table: "Loans", data: {book_id: param.bookId}},
    {type: "update", table: "Books", where: {id: param.bookId}, set: {title: param.title}}
  ],
  onError: "rollback",
  errorPaths: [book was lent meanwhile -> nothing is written]
}

Migration AddReminder {
  version: "20261130_001",
  up: {addColumn: {table: "Loans", column: {name: "reminded", type: "Bool"}}},
  down: {dropColumn: {table: "Loans", column: "reminded"}}
}

Validation LoanRules {
  maxDays: {value: 60, unit: "days"},
  isbn: {regex: "^\\d{13}$"}
}

Behavior Reminding {
  rules: {overdue: {after: "1 day", repeat: true}},
  notifications: {due_soon: "remind the reader two days before"}
}

Algorithm ChooseShelf {
  input: {book: BookId},
  steps: ["look up the genre", "take the first shelf with room"]
}

Component LoanDesk {
  dependencies: {lending: Lending},
  shows: ["open loans of a reader"]
}

Scenario lending a book twice {
  Preconditions: [book is lent],
  Given a book that Ada has,
  When lendBook is called for Bob,
  Then it fails with BookLent,
  And Ada keeps the book.
  ErrorPaths: [too many loans -> TooManyLoans]
}

Test shelves {
  A returned book is found on its shelf.
}

Module Clock {
  functions: [
    now() -> timestamp {
      "The time of the branch"
      throws: ClockStopped
    },
    wait(duration: Duration) -> void
  ],
  types: [
    Tick {
      at: timestamp
    }
  ]
}
"""

THINKING = """PROBLEM UNDERSTANDING:
- Readers borrow books of a library and bring them back in time
- A book can be with one reader only

STRATEGIC APPROACH:
- One service lends; a database keeps books and loans apart
- A transaction guards against lending the same book twice

DESIGN PREPARATION:
- Core operations: lendBook, findLoans
- Tables: Books, Loans
"""

RESPONSE = f"<thinking>\n{THINKING}</thinking>\n<blueprint>\n{LENDING}</blueprint>\n"

SCRIPT = """// Grade a score
Score = 85
if (Score > 90) {
  Grade = "A"
} else if (Score > 80) {
  Grade = "B"
} else {
  Grade = "C"
}
for item in List {
  if (item > Score) {
    Result.append(item)
  }
}
function double(x) {
  return x * 2
}
Total = double(Score) +
  Bonus["extra"]
"""

EXTENDED = {
    "optional type": "Type A {\n  b: string?\n}",
    "optional key": "Type A {\n  b?: string\n}",
    "array[T]": "Type A {\n  b: array[string]\n}",
    "semicolon": "Service A {\n  get(id: int) -> int;\n  put(id: int) -> int;\n}",
    "quoted key": 'Type A {\n  "x-y": 1\n}',
    "dotted key": "Operation A {\n  where: {book.id: 1}\n}",
    "quoted name": "Test 'a b' {\n  It works.\n}",
    "parameter without type": "Service A {\n  get(id) -> int\n}",
    "anonymous schema": "Database D {\n  Schema {\n    Table T {}\n  }\n}",
    "base": "Type A: B {\n  c: int\n}",
    "several values": "Algorithm A {\n  input: list, target,\n  output: index\n}",
}
