module coldstream/lstm/internal/kernel/_asm

go 1.26
