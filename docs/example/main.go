// Command service is the example that the page on reading programs uses.
package main

func main() { println("ready") }
